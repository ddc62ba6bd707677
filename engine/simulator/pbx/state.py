"""The state of the simulated PBX: users, presences, switches and faults, and a ledger of requests."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Protocol

import msgspec

from engine.core.clock import Clock
from engine.core.presence.model import CLEARED, Presence
from engine.core.secret import Secret

_ONLINE = "online"


class ClearSemantics(StrEnum):
    """Effect of setting an entry to nothing; the behaviour of a real PBX is not documented."""

    REMOVES_ENTRY = "removes entry"
    LEAVES_EMPTY_ENTRY = "leaves empty entry"
    """It becomes the newest."""
    EMPTIES_IN_PLACE = "empties in place"
    IS_IGNORED = "is ignored"


CLEARING = tuple(each for each in ClearSemantics if each is not ClearSemantics.IS_IGNORED)
"""Those after which nothing is shown."""


class ClearForm(StrEnum):
    """Form of a SetPresence that sets an entry to nothing: empty texts, none, or the activity "online"."""

    EMPTY = "empty"
    OMITTED = "omitted"
    ONLINE = "online"


def clear_form(activity: str | None, note: str | None) -> ClearForm | None:
    """Return the form in which a SetPresence sets an entry to nothing, None if it does not."""
    if note or activity not in (None, "", _ONLINE):
        return None
    if activity == _ONLINE:
        return ClearForm.ONLINE
    return ClearForm.OMITTED if activity is None and note is None else ClearForm.EMPTY


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Presence of a user from one source; `status` is "open" if the PBX knows the user to be reachable."""

    contact: str
    activity: str = ""
    note: str = ""
    status: str = ""


class PresenceBoard:
    """Every user's entries, by guid."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}

    def entries(self, guid: str) -> tuple[Entry, ...]:
        """Return the user's entries; the first is what is displayed."""
        return tuple(self._entries.get(guid, ()))

    def put(self, guid: str, entry: Entry) -> None:
        """Make `entry` the newest; the activity "online" unsets a presence.

        The status, which no message sets, stays as it is unless `entry` has one.
        """
        before = self._entries.get(guid, [])
        known = next((other.status for other in before if other.contact == entry.contact), "")
        activity = "" if entry.activity == _ONLINE else entry.activity
        entry = Entry(entry.contact, activity, entry.note, entry.status or known)
        self._entries[guid] = [entry, *(other for other in before if other.contact != entry.contact)]

    def clear(self, guid: str, contact: str, semantics: ClearSemantics) -> None:
        """Set an entry to nothing; one with a status is never removed."""
        before = self._entries.get(guid, [])
        known = next((other for other in before if other.contact == contact), None)
        match semantics:
            case ClearSemantics.IS_IGNORED:
                pass
            case ClearSemantics.REMOVES_ENTRY if known is None or not known.status:
                self._entries[guid] = [other for other in before if other.contact != contact]
            case ClearSemantics.EMPTIES_IN_PLACE if known is not None:
                empty = Entry(contact, status=known.status)
                self._entries[guid] = [empty if other.contact == contact else other for other in before]
            case _:
                self.put(guid, Entry(contact))

    def of(self, guid: str, contact: str) -> Presence:
        """Return the entry of one source, `CLEARED` if there is none."""
        for entry in self.entries(guid):
            if entry.contact == contact:
                return Presence(entry.activity, entry.note)
        return CLEARED

    def forget(self, guid: str) -> None:
        """Remove the entries of a deleted user."""
        self._entries.pop(guid, None)


ALL_APIS = frozenset({"PbxApi", "PbxTableUsers"})


class PbxInfoSent(StrEnum):
    """When PbxInfo is sent to a client that dialled in; documented only for the other direction."""

    NEVER = "never"
    BEFORE_LOGIN = "before log-in"
    """A fault, in either direction: before the log-in; if the PBX logs in, again after it."""
    AFTER_LOGIN = "after log-in"
    NEVER_AT_ALL = "never, not even where the PBX logs in"


class MissingRight(StrEnum):
    """Effect of a request to an API the App object may not use."""

    ERROR = "error"
    SILENCE = "silence"


class Refusal(StrEnum):
    """How a log-in is refused."""

    RESULT = "result"
    CLOSING = "closing"


class EndOfCopy(StrEnum):
    """The ReplicateNextResult after the last row."""

    NO_COLUMNS = "no columns"
    NULL_COLUMNS = "null columns"
    EMPTY_GUID = "empty guid"
    NULL_GUID = "null guid"


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """Switches that may be changed at any time and apply from the next message on.

    `clears` is the effect of clearing a presence, `clears_by` that of single forms of it. `result_delay` (seconds by
    the injected clock) delays every SetPresenceResult; with `answers_presence` off there is none. `refused_presence`
    maps a guid to the errorText for its SetPresence. `garbage` replaces the next message if that is an answer, and
    precedes it otherwise, because TCP loses no changes. `notes_cut_at` is the length from which notes are cut,
    `notes_refused_from` the one from which they are refused, and `notes_end_connection_from` the one from which the
    connection ends; with `notes_in_bytes` these are bytes (UTF-8) instead of characters. `sends_pings` puts a ping
    before every message; whether pings are answered applies from the next connection on. `names_api` and `echoes_src`
    off leave `api` and `src` out of results, `guids_in_capitals` writes guids in capitals. `clock_ahead` is how far the
    time that it tells by HTTP is ahead of the machine's.
    """

    clears: ClearSemantics = ClearSemantics.REMOVES_ENTRY
    clears_by: dict[ClearForm, ClearSemantics] = field(default_factory=dict)
    pbx_info: PbxInfoSent = PbxInfoSent.NEVER
    missing_right: MissingRight = MissingRight.ERROR
    apis: frozenset[str] = ALL_APIS
    needs_add_and_delete: bool = False
    duplicate_adds: bool = False
    ends_copy_with: EndOfCopy = EndOfCopy.NO_COLUMNS
    filters_pseudo: bool = True
    notifies_under_src: bool = True
    refuses_by: Refusal = Refusal.RESULT
    answers_keep_alive: bool = False
    asks_about_the_app: bool = False
    notes_cut_at: int | None = None
    notes_refused_from: int | None = None
    notes_end_connection_from: int | None = None
    notes_in_bytes: bool = False
    sends_pings: bool = False
    answers_pings: bool = True
    names_api: bool = True
    echoes_src: bool = True
    guids_in_capitals: bool = False
    clock_ahead: timedelta = timedelta()
    accepts_logins: bool = True
    answers_challenges: bool = True
    answers_logins: bool = True
    answers_presence: bool = True
    answers_replication: bool = True
    result_delay: float = 0.0
    refused_presence: dict[str, str] = field(default_factory=dict)
    garbage: str | None = None

    def length_of(self, note: str) -> int:
        """Return the length of a note as this PBX counts it."""
        return len(note.encode()) if self.notes_in_bytes else len(note)

    def cut(self, note: str) -> str:
        """Return what this PBX keeps of a note."""
        if self.notes_in_bytes:
            return note.encode()[: self.notes_cut_at].decode(errors="ignore")
        return note[: self.notes_cut_at]


@dataclass(frozen=True, slots=True)
class PresenceWrite:
    """One SetPresence; `activity` and `note` are None if the message had none. `connection` numbers the connections
    from 1."""

    at: datetime
    guid: str
    contact: str
    activity: str | None
    note: str | None
    accepted: bool
    connection: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One AppLogin."""

    at: datetime
    app: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ReplicationStart:
    """One ReplicateStart."""

    at: datetime
    add: bool
    delete: bool
    columns: frozenset[str]
    pseudo: tuple[str, ...] | None
    accepted: bool
    changes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Ledger:
    """All requests in the order of arrival. `dials` counts the attempts to connect to an app."""

    writes: list[PresenceWrite] = field(default_factory=list)
    logins: list[LoginAttempt] = field(default_factory=list)
    replications: list[ReplicationStart] = field(default_factory=list)
    dials: int = 0
    challenges: int = 0
    keep_alives: int = 0
    challenges_met: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    _writes_by_guid: dict[str, list[PresenceWrite]] = field(default_factory=lambda: defaultdict(list))

    def add_write(self, write: PresenceWrite) -> None:
        """Record a SetPresence."""
        self.writes.append(write)
        self._writes_by_guid[write.guid].append(write)

    def writes_of(self, guid: str) -> tuple[PresenceWrite, ...]:
        """Return the writes for one user, oldest first."""
        return tuple(self._writes_by_guid.get(guid, ()))


COLUMNS = frozenset(
    {
        *("guid", "h323", "cn", "dn", "apps-my", "config", "node", "loc", "hide", "e164", "cfpr", "t-cfpr"),
        *("pwd", "pseudo", "h323-email", "apps", "fax", "emails", "allows", "t-allows", "grps", "devices", "cds"),
        *("forks", "wakeups"),
    }
)
"""Columns of the table (innovaphone SDK, PbxTableUsers)."""


class PbxUser(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the PBX. `pseudo` is "" for a person, else its type: "executive", "waiting", "gw" …"""

    guid: str
    h323: str
    cn: str = ""
    loc: str = ""
    node: str = "root"
    config: str = ""
    hide: bool = False
    pseudo: str = ""
    h323_email: bool = False
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    e164: str = ""

    def row(self, columns: frozenset[str]) -> dict[str, object]:
        """Return the values of `columns`; empty ones are left out, as the PBX does."""
        values: dict[str, object] = {
            "guid": self.guid,
            "h323": self.h323,
            "cn": self.cn,
            "loc": self.loc,
            "node": self.node,
            "config": self.config,
            "e164": self.e164,
            "hide": self.hide,
            "pseudo": f'<pseudo type="{self.pseudo}"/>' if self.pseudo else "",
            "h323-email": self.h323_email,
            "emails": [{"email": email} for email in self.emails],
            "grps": [{"name": group} for group in self.groups],
        }
        return {name: value for name, value in values.items() if name in columns and value not in ("", [])}


class Client(Protocol):
    """A connected app."""

    def user_changed(self, mt: str, user: PbxUser) -> None:
        """Called on a ReplicateAdd, ReplicateUpdate or ReplicateDel."""
        ...

    def presence_changed(self, guid: str) -> None:
        """Called when a user's presence has changed."""
        ...

    def tell_about_itself(self) -> None:
        """Called to send PbxInfo."""
        ...

    def drop(self) -> None:
        """Abort the connection."""
        ...

    def hang(self) -> None:
        """Read nothing more."""
        ...

    def recover(self) -> None:
        """Read again."""
        ...

    async def ping_and_vanish(self) -> None:
        """Abort the connection right after a ping."""
        ...


@dataclass(slots=True, kw_only=True)
class PbxState:
    """One PBX with one App object."""

    clock: Clock
    name: str
    domain: str
    app: str
    password: Secret
    behaviour: Behaviour
    board: PresenceBoard
    on_write: Callable[[PresenceWrite], None] | None
    ledger: Ledger = field(default_factory=Ledger)
    users: dict[str, PbxUser] = field(default_factory=dict)
    guids_by_name: dict[str, str] = field(default_factory=dict)
    guids_by_number: dict[str, str] = field(default_factory=dict)
    clients: set[Client] = field(default_factory=set)
    connections: Iterator[int] = field(default_factory=lambda: count(1))

    def put_user(self, user: PbxUser) -> None:
        """Add or replace a user, and notify the clients."""
        is_new = user.guid not in self.users
        if not is_new:
            self._forget_names(self.users[user.guid])
        self.users[user.guid] = user
        self.guids_by_name[user.h323] = user.guid
        if user.e164:
            self.guids_by_number[user.e164] = user.guid
        if is_new:
            self.board.put(user.guid, Entry("im:", status="open"))
        self._tell("ReplicateAdd" if is_new else "ReplicateUpdate", user)

    def delete_user(self, guid: str) -> None:
        """Delete a user with its presence, and notify the clients."""
        user = self.users.pop(guid)
        self._forget_names(user)
        self.board.forget(guid)
        self._tell("ReplicateDel", user)

    def _forget_names(self, user: PbxUser) -> None:
        self.guids_by_name.pop(user.h323, None)
        self.guids_by_number.pop(user.e164, None)

    def put_presence(self, guid: str, entry: Entry) -> None:
        """Make `entry` the user's newest, and notify the subscribers."""
        self.board.put(guid, entry)
        self._presence_changed(guid)

    def clear_presence(self, guid: str, contact: str, form: ClearForm) -> None:
        """Set an entry to nothing, and notify the subscribers."""
        self.board.clear(guid, contact, self.behaviour.clears_by.get(form, self.behaviour.clears))
        self._presence_changed(guid)

    def _presence_changed(self, guid: str) -> None:
        for client in tuple(self.clients):
            client.presence_changed(guid)

    def _tell(self, mt: str, user: PbxUser) -> None:
        for client in tuple(self.clients):
            client.user_changed(mt, user)


Message = dict[str, object]


class ProtocolBroken(Exception):
    """The client violated the protocol."""


def result(request: Message, **members: object) -> Message:
    """Return the result of `request`: of the same API, with its src."""
    src = {"src": request["src"]} if "src" in request else {}
    return {"api": request["api"], "mt": f"{request['mt']}Result", **src, **members}


def error_result(request: Message, reason: str) -> Message:
    """Return the error result of `request`. The PBX's error numbers are not documented."""
    return result(request, error=1, errorText=reason)
