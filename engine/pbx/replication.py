"""A copy of the PBX's user table: all rows once, then every change (innovaphone SDK, Replication and PbxTableUsers).

It only reads. Every column is asked for with `{}`: `{"update": true}` would announce changes of ours.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

from engine.core.users import User
from engine.pbx.events import UserRemoved, UsersComplete, UserSeen
from engine.pbx.failures import PbxNotUnderstood, PbxRightsMissing, PbxUnreachable
from engine.pbx.messages import Message, objects_of, refusal_of, text_of
from engine.pbx.session import Send

API = "PbxTableUsers"

_COLUMNS = ("guid", "h323", "cn", "loc", "node", "hide", "pseudo", "h323-email", "config", "emails", "grps")

_EXECUTIVE = re.compile(r"""\btype=["']executive["']""")

ReplicationOutput = Send | UserSeen | UserRemoved | UsersComplete


class _State(Enum):
    STARTING = auto()
    STARTING_AS_WRITER = auto()
    COPYING = auto()
    RUNNING = auto()


class Replication:
    """The replicator's side of one connection; rows are keyed by guid, and a row seen again replaces the former one."""

    def __init__(self) -> None:
        self._state = _State.STARTING
        self._users: dict[str, User] = {}

    @property
    def complete(self) -> bool:
        """Whether the initial copy has ended."""
        return self._state is _State.RUNNING

    @property
    def homes(self) -> frozenset[str]:
        """The names of the PBXs that the users known now belong to."""
        return frozenset(user.home for user in self._users.values())

    def start(self) -> tuple[ReplicationOutput, ...]:
        """Return what to send after the log-in."""
        return (_start(writer=False),)

    def receive(self, mt: str, message: Message) -> tuple[ReplicationOutput, ...]:
        """Take one message of this API. Raises `PbxRightsMissing`, `PbxNotUnderstood`."""
        match mt:
            case "ReplicateStartResult":
                return self._started(message)
            case "ReplicateNextResult" if self._state is _State.COPYING:
                return self._copied(message)
            case "ReplicateAdd" | "ReplicateUpdate":
                return self._upsert(_columns(message))
            case "ReplicateDel":
                return self._remove(text_of(_columns(message), "guid"))
        return ()

    def unanswered(self) -> tuple[ReplicationOutput, ...]:
        """Return what to send now that the last request found no answer.

        Raises `PbxRightsMissing`, `PbxUnreachable`.
        """
        if self._state is _State.COPYING:
            raise PbxUnreachable("ReplicateNext was not answered")
        return self._refused("ReplicateStart was not answered")

    def _started(self, message: Message) -> tuple[ReplicationOutput, ...]:
        if self._state not in (_State.STARTING, _State.STARTING_AS_WRITER):
            return ()
        if reason := refusal_of(message):
            return self._refused(reason)
        self._state = _State.COPYING
        return (_NEXT,)

    def _refused(self, reason: str) -> tuple[ReplicationOutput, ...]:
        # A publisher that needs a replicator able to add and delete rows does not start without (SDK,
        # interface/replication); all known clients claim to be one. We claim it when we must, and never do it.
        if self._state is _State.STARTING_AS_WRITER:
            raise PbxRightsMissing(f"{API}: {reason}")
        self._state = _State.STARTING_AS_WRITER
        return (_start(writer=True),)

    def _copied(self, message: Message) -> tuple[ReplicationOutput, ...]:
        if reason := refusal_of(message):
            raise PbxNotUnderstood(f"ReplicateNext was refused: {reason}")
        columns = _columns(message)
        if text_of(columns, "guid"):
            return (*self._upsert(columns), _NEXT)
        self._state = _State.RUNNING
        return (UsersComplete(frozenset(self._users)),)

    def _upsert(self, columns: Message) -> tuple[ReplicationOutput, ...]:
        user = _user(columns)
        if not user.guid:
            return ()
        if not _is_user(text_of(columns, "pseudo")):
            return self._remove(user.guid)
        if self._users.get(user.guid) == user:
            return ()
        self._users[user.guid] = user
        return (UserSeen(user),)

    def _remove(self, guid: str) -> tuple[ReplicationOutput, ...]:
        return (UserRemoved(guid),) if self._users.pop(guid, None) else ()


def _start(*, writer: bool) -> Send:
    request: Message = {"api": API, "mt": "ReplicateStart", "src": "users", "add": writer, "del": writer}
    return Send({**request, "columns": {column: {} for column in _COLUMNS}, "pseudo": ["", "executive"]})


_NEXT = Send({"api": API, "mt": "ReplicateNext", "src": "users"})


def _columns(message: Message) -> Message:
    columns = message.get("columns", {})
    if not isinstance(columns, dict) or not isinstance(columns.get("guid", ""), str):
        raise PbxNotUnderstood(f"{API}: a row is not an object with a guid")
    return columns


def _is_user(pseudo: str) -> bool:
    """Tell a person from the PBX's other objects: column pseudo is empty, or describes the type "executive"."""
    return pseudo in ("", "executive") or _EXECUTIVE.search(pseudo) is not None


def _user(columns: Mapping[str, object]) -> User:
    return User(
        guid=text_of(columns, "guid"),
        name=text_of(columns, "h323"),
        display_name=text_of(columns, "cn"),
        home=text_of(columns, "loc"),
        node=text_of(columns, "node"),
        template=text_of(columns, "config"),
        groups=tuple(name for group in objects_of(columns, "grps") if (name := text_of(group, "name"))),
        hidden=columns.get("hide") is True,
        addresses=tuple(address for entry in objects_of(columns, "emails") if (address := text_of(entry, "email"))),
        name_is_address=columns.get("h323-email") is True,
    )
