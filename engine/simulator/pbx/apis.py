"""PbxApi (presence) and PbxTableUsers of the simulated PBX (innovaphone SDK)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from engine.simulator.pbx.state import (
    COLUMNS,
    EndOfCopy,
    Entry,
    Message,
    PbxState,
    PbxUser,
    PresenceWrite,
    ProtocolBroken,
    ReplicationStart,
    clear_form,
    error_result,
    result,
)

_OWN = "tel:"
"""The contact of a presence without one: the user's own."""

_WITHOUT_EFFECT = ("DelAlienCall", "AddProfile", "DelProfile", "UpdateProfile")
"""Messages that are documented and do not affect presence."""


class _Sender(Protocol):
    def __call__(self, message: Message, delay: float = 0.0) -> None: ...


class PresenceApi:
    """The API for one connection."""

    NAME = "PbxApi"

    def __init__(self, pbx: PbxState, send: _Sender, connection: int) -> None:
        self._pbx = pbx
        self._send = send
        self._connection = connection
        self._subscriptions: dict[str, object] = {}
        self._operations: dict[str, Callable[[Message], None]] = {
            "SetPresence": self._set,
            "SubscribePresence": self._subscribe,
            "UnsubscribePresence": self._unsubscribe,
            "GetNodeInfo": self._node_info,
            "AddAlienCall": self._alien_call,
            **dict.fromkeys(_WITHOUT_EFFECT, self._accept),
        }

    def receive(self, mt: str, message: Message) -> None:
        """Answer one message."""
        operation = self._operations.get(mt)
        if operation is None:
            raise ProtocolBroken(f"{mt} is unknown")
        operation(message)

    def changed(self, guid: str) -> None:
        """Send PresenceUpdate if the client has subscribed to that user."""
        if guid in self._subscriptions:
            presence = msgspec.to_builtins(self._pbx.board.entries(guid))
            src = self._subscriptions[guid]
            self._send({"api": self.NAME, "mt": "PresenceUpdate", "src": src, "presence": presence})

    def _set(self, message: Message) -> None:
        guid, contact = self._target(message), str(message.get("contact", _OWN))
        activity, note = message.get("activity"), message.get("note")
        refusal, behaviour = self._refusal(guid, contact, activity, note), self._pbx.behaviour
        write = PresenceWrite(
            self._pbx.clock.now(),
            guid,
            contact,
            _text_or_none(activity),
            _text_or_none(note),
            refusal is None,
            self._connection,
        )
        self._pbx.ledger.add_write(write)
        longest = behaviour.notes_end_connection_from
        if longest is not None and behaviour.length_of(write.note or "") >= longest:
            raise ProtocolBroken("a note is too long")
        if refusal is None:
            form = clear_form(write.activity, write.note)
            if form is None:
                self._pbx.put_presence(guid, Entry(contact, write.activity or "", behaviour.cut(write.note or "")))
            else:
                self._pbx.clear_presence(guid, contact, form)
            if self._pbx.on_write is not None:
                self._pbx.on_write(write)
        if behaviour.answers_presence:
            answer = result(message) if refusal is None else error_result(message, refusal)
            self._send(answer, behaviour.result_delay)

    def _target(self, message: Message) -> str:
        """Return the guid of the user whose presence is meant: `guid`, or the user named `sip`."""
        guid = str(message.get("guid") or "")
        if not guid:
            return self._pbx.guids_by_name.get(str(message.get("sip")), "")
        return guid if guid in self._pbx.users else guid.lower()

    def _refusal(self, guid: str, contact: str, activity: object, note: object) -> str | None:
        if guid not in self._pbx.users:
            return "unknown user"
        if not contact or not all(text is None or isinstance(text, str) for text in (activity, note)):
            return "wrong parameters"
        behaviour = self._pbx.behaviour
        longest = behaviour.notes_refused_from
        if longest is not None and behaviour.length_of(str(note or "")) >= longest:
            return "the note is too long"
        return behaviour.refused_presence.get(guid)

    def _subscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is None:
            self._send(error_result(message, "unknown user"))
            return
        self._subscriptions[user.guid] = message.get("src")
        self._send(result(message))
        about = {"up": True, "sip": user.h323, "num": user.e164, "dn": user.cn, "email": next(iter(user.emails), "")}
        self._send({"api": self.NAME, "mt": "PresenceState", "src": message.get("src"), **about})
        self.changed(user.guid)

    def _unsubscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is not None and self._subscriptions.get(user.guid) == message.get("src"):
            del self._subscriptions[user.guid]
        self._send(result(message))

    def _node_info(self, message: Message) -> None:
        prefixes = {"prefix_intl": "00", "prefix_ntl": "0", "prefix_subs": "", "country_code": "49"}
        self._send(result(message, name=self._pbx.name, **prefixes))

    def _alien_call(self, message: Message) -> None:
        self._send(result(message, id=1))

    def _accept(self, message: Message) -> None:
        self._send(result(message))

    def _user(self, message: Message) -> PbxUser | None:
        by_name = self._pbx.guids_by_name.get(str(message.get("sip")))
        guid = by_name or self._pbx.guids_by_number.get(str(message.get("num")))
        return None if guid is None else self._pbx.users[guid]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


@dataclass(slots=True)
class _Publication:
    """One replication since its ReplicateStart; `pseudo` None means objects of every type."""

    src: object
    columns: frozenset[str]
    pseudo: tuple[str, ...] | None
    to_copy: deque[str]

    def includes(self, user: PbxUser) -> bool:
        return self.pseudo is None or user.pseudo in self.pseudo


class TableUsersApi:
    """The API for one connection. The App object may read only."""

    NAME = "PbxTableUsers"

    def __init__(self, pbx: PbxState, send: Callable[[Message], None]) -> None:
        self._pbx = pbx
        self._send = send
        self._publication: _Publication | None = None

    def receive(self, mt: str, message: Message) -> None:
        """Answer one message."""
        if not self._pbx.behaviour.answers_replication:
            return
        match mt:
            case "ReplicateStart":
                self._start(message)
            case "ReplicateNext" if self._publication is not None:
                self._next(message, self._publication)
            case _:
                raise ProtocolBroken(f"{mt} is unknown, a change, or comes before ReplicateStart")

    def changed(self, mt: str, user: PbxUser) -> None:
        """Report a change, also during the initial copy."""
        publication = self._publication
        if publication is not None and publication.includes(user):
            row = self._row(user, publication)
            src = {"src": publication.src} if self._pbx.behaviour.notifies_under_src else {}
            self._send({"api": self.NAME, "mt": mt, **src, "columns": row})

    def _start(self, message: Message) -> None:
        columns, refusal = _columns_asked_for(message), None
        add, delete = message.get("add") is True, message.get("del") is True
        pseudo = message.get("pseudo")
        if columns is None:
            refusal = "columns are not as the table has them"
        elif self._pbx.behaviour.needs_add_and_delete and not (add and delete):
            refusal = "the replicator cannot add and delete"
        types = tuple(str(item) for item in pseudo) if isinstance(pseudo, list) else None
        heeded = types if self._pbx.behaviour.filters_pseudo else None
        self._pbx.ledger.replications.append(
            ReplicationStart(
                self._pbx.clock.now(),
                add,
                delete,
                columns or frozenset(),
                types,
                refusal is None,
                _columns_to_change(message),
            )
        )
        if columns is None or refusal is not None:
            self._send(error_result(message, str(refusal)))
            return
        self._publication = _Publication(message.get("src"), columns, heeded, deque(self._pbx.users))
        self._send(result(message, columns={column: {} for column in sorted(columns)}))

    def _next(self, message: Message, publication: _Publication) -> None:
        while publication.to_copy:
            user = self._pbx.users.get(publication.to_copy.popleft())
            if user is not None and publication.includes(user):
                self._send(result(message, columns=self._row(user, publication)))
                if self._pbx.behaviour.duplicate_adds:
                    self.changed("ReplicateAdd", user)
                return
        self._send(result(message, **_ENDS[self._pbx.behaviour.ends_copy_with]))

    def _row(self, user: PbxUser, publication: _Publication) -> Message:
        row = user.row(publication.columns)
        return {**row, "guid": user.guid.upper()} if self._pbx.behaviour.guids_in_capitals else row


_ENDS: dict[EndOfCopy, Message] = {
    EndOfCopy.NO_COLUMNS: {},
    EndOfCopy.NULL_COLUMNS: {"columns": None},
    EndOfCopy.EMPTY_GUID: {"columns": {"guid": ""}},
    EndOfCopy.NULL_GUID: {"columns": {"guid": None}},
}


def _columns_asked_for(request: Message) -> frozenset[str] | None:
    """Return the columns of a ReplicateStart; None unless all are known and requested with `{}` or `update`."""
    columns = request.get("columns")
    if not isinstance(columns, dict) or "guid" not in columns or not columns.keys() <= COLUMNS:
        return None
    asked = all(isinstance(value, dict) and value.keys() <= {"update"} for value in columns.values())
    return frozenset(columns) if asked else None


def _columns_to_change(request: Message) -> frozenset[str]:
    """Return the columns that a ReplicateStart announces to change."""
    columns = request.get("columns")
    entries = columns.items() if isinstance(columns, dict) else ()
    return frozenset(name for name, value in entries if isinstance(value, dict) and value.get("update") is True)
