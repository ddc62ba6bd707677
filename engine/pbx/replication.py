"""A copy of the PBX's user table: all rows once, then every change (innovaphone SDK, Replication and PbxTableUsers).

It only reads. Every column is requested with `{}`: `{"update": true}` would announce changes from our side.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

from engine.core.users import User
from engine.pbx.errors import Ender, PbxConnectionLost, PbxNotUnderstood, PbxRightsMissing
from engine.pbx.events import UserRemoved, UsersComplete, UserSeen
from engine.pbx.protocol import USERS_API, Message, Send, objects_of, refusal_of, text_of

_COLUMNS = ("guid", "h323", "cn", "loc", "node", "hide", "pseudo", "h323-email", "config", "emails", "grps")

_ROOT = re.compile(r"""\s*(?:<\?[^>]*\?>\s*)?<[^\s<>/?!]+((?:\s+[^\s<>=/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)""")
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")

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
        self._guids_as_sent: dict[str, str] = {}

    def guid_as_sent(self, guid: str) -> str:
        """Return a guid as the PBX spells it; the engine uses it in lower case."""
        return self._guids_as_sent.get(guid, guid)

    @property
    def complete(self) -> bool:
        """Whether the initial copy has ended."""
        return self._state is _State.RUNNING

    @property
    def homes(self) -> frozenset[str]:
        """The names of the home PBXs of the users known now."""
        return frozenset(user.home for user in self._users.values())

    def start(self) -> tuple[ReplicationOutput, ...]:
        """Return what to send after the log-in."""
        return (_start(writer=False),)

    def receive(self, mt: str, message: Message) -> tuple[ReplicationOutput, ...]:
        """Process one message of this API; a change that cannot be understood is ignored.

        Raises `PbxRightsMissing`, and `PbxNotUnderstood` for a row of the copy: without it the copy is not complete.
        """
        match mt:
            case "ReplicateStartResult":
                return self._started(message)
            case "ReplicateNextResult" if self._state is _State.COPYING:
                return self._copied(message)
            case "ReplicateAdd" | "ReplicateUpdate":
                return self._upsert(_columns(message) or {})
            case "ReplicateDel":
                return self._remove(_guid(_columns(message) or {}))
        return ()

    def unanswered(self) -> tuple[ReplicationOutput, ...]:
        """Return what to send when the last request was not answered.

        Raises `PbxRightsMissing`, `PbxConnectionLost`.
        """
        if self._state is _State.COPYING:
            raise PbxConnectionLost("ReplicateNext was not answered", Ender.ENGINE)
        return self._refused("ReplicateStart was not answered")

    def _started(self, message: Message) -> tuple[ReplicationOutput, ...]:
        if self._state not in (_State.STARTING, _State.STARTING_AS_WRITER):
            return ()
        if reason := refusal_of(message):
            return self._refused(reason)
        self._state = _State.COPYING
        return (_NEXT,)

    def _refused(self, reason: str) -> tuple[ReplicationOutput, ...]:
        # A publisher that requires a replicator able to add and delete rows does not start without one (SDK,
        # interface/replication); all known clients claim to be one. We claim it only when refused, and never write.
        if self._state is _State.STARTING_AS_WRITER:
            raise PbxRightsMissing(f"{USERS_API}: {reason}")
        self._state = _State.STARTING_AS_WRITER
        return (_start(writer=True),)

    def _copied(self, message: Message) -> tuple[ReplicationOutput, ...]:
        if reason := refusal_of(message):
            raise PbxNotUnderstood(f"ReplicateNext was refused: {reason}")
        columns = _columns(message)
        if columns is None:
            raise PbxNotUnderstood(f"{USERS_API}: a row is not an object with a guid")
        if _guid(columns):
            return (*self._upsert(columns), _NEXT)
        self._state = _State.RUNNING
        return (UsersComplete(frozenset(self._users)),)

    def _upsert(self, columns: Message) -> tuple[ReplicationOutput, ...]:
        user = _user(columns)
        if not user.guid:
            return ()
        if not _is_user(text_of(columns, "pseudo")):
            return self._remove(user.guid)
        self._guids_as_sent[user.guid] = text_of(columns, "guid")
        if self._users.get(user.guid) == user:
            return ()
        self._users[user.guid] = user
        return (UserSeen(user),)

    def _remove(self, guid: str) -> tuple[ReplicationOutput, ...]:
        self._guids_as_sent.pop(guid, None)
        return (UserRemoved(guid),) if self._users.pop(guid, None) else ()


def _start(*, writer: bool) -> Send:
    request: Message = {"api": USERS_API, "mt": "ReplicateStart", "src": "users", "add": writer, "del": writer}
    return Send({**request, "columns": {column: {} for column in _COLUMNS}, "pseudo": ["", "executive"]})


_NEXT = Send({"api": USERS_API, "mt": "ReplicateNext", "src": "users"})


def _columns(message: Message) -> Message | None:
    """Return the columns of a row, empty if they are missing or null; None for anything that is not a row."""
    columns = message.get("columns")
    if columns is None:
        return {}
    if not isinstance(columns, dict) or not isinstance(columns.get("guid"), str | None):
        return None
    return columns


def _guid(columns: Mapping[str, object]) -> str:
    """Return the guid of a row in lower case, "" if it has none; the PBX may write its digits in either case."""
    return text_of(columns, "guid").lower()


def _is_user(pseudo: str) -> bool:
    """Return whether a row is a person rather than another object: pseudo is empty, or of the type "executive"."""
    if pseudo in ("", "executive"):
        return True
    root = _ROOT.match(pseudo)
    attributes = _ATTRIBUTE.findall(root[1]) if root else []
    return any(name == "type" and "executive" in values for name, *values in attributes)


def _user(columns: Mapping[str, object]) -> User:
    return User(
        guid=_guid(columns),
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
