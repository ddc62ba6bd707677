"""The words of the local API: what goes over its sockets, for the server and for whoever talks to it.

This module imports nothing of the engine. Instants are UTC; `activity` is what the PBX shows: available, busy, away
or dnd. What is called a question is taken in, everything else is sent.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Activity = Literal["available", "busy", "away", "dnd"]
State = Literal["current", "pending", "unread", "problem"]
Topic = Literal["status", "users", "operations", "changes", "audit"]
Sort = Literal["name", "display_name", "mailbox", "activity", "state", "problem"]


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one part of a request; `pointer` is a JSON pointer (RFC 6901), or `?name` in the query."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed (RFC 9457). `type` is a short name that stays the same, `hint` says what to do."""

    type: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    fields: tuple[FieldProblem, ...] = ()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The process at the other end of the socket, as the kernel tells it; `user` is empty where the uid has no name."""

    uid: int
    pid: int
    user: str = ""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may do on this socket."""

    read: bool
    change: bool


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The engine and the API. `capabilities` names what there is beyond this; `boot` is another one after a restart."""

    api: int
    version: str
    boot: str
    capabilities: tuple[str, ...]
    rights: Rights
    actor: Actor


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A failure by name: what is the matter, whose fault it is, how much stands still, and what to do."""

    type: str
    title: str
    detail: str
    remedy: str
    fault: str
    scope: str


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """One side. Before the first attempt it is neither working nor in trouble."""

    name: Literal["PBX", "Exchange"]
    works: bool
    trouble: Trouble | None = None
    retry_at: datetime | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A user that a problem concerns."""

    guid: str
    label: str


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and how many users it concerns, the first of them by name; `link` is set where it is a whole side."""

    trouble: Trouble
    link: Literal["PBX", "Exchange"] | None
    count: int
    users: tuple[Affected, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at `now` (calendar time).

    Of `users`, `resolved` have a calendar that can be read, `unread` were not read yet, `unresolved` cannot be. The
    calendars of `watched` ones tell every change at once, the others are looked at now and then. `refused` presences
    were refused by the PBX. `staleness` is the age of the oldest reading, in seconds. `concerns` begin with the most
    important.
    """

    version: str
    now: datetime
    started: datetime
    links: tuple[LinkState, ...]
    users: int
    resolved: int
    watched: int
    unread: int
    unresolved: int
    refused: int
    oldest_reading: datetime | None
    staleness: float | None
    concerns: tuple[Concern, ...]


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a list. `activity` and `note` are what the PBX acknowledged last, null and empty if we never learned.

    `state`: the PBX shows what it ought to (current), not yet (pending), no calendar was read yet (unread), or there
    is a problem.
    """

    guid: str
    name: str
    display_name: str
    mailbox: str | None
    activity: Activity | None
    note: str
    state: State
    problem: str | None = None
    problem_title: str | None = None


class UsersQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which users: every word of `filter` is in the name, display name, mailbox, activity, problem or guid.

    `sort` may be turned round by `descending`.
    """

    filter: Annotated[str, Meta(max_length=200)] = ""
    sort: Sort = "display_name"
    descending: bool = False
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class UsersPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `total` users fit the filter."""

    total: int
    page: int
    per_page: int
    users: tuple[UserRow, ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A presence: activity and note."""

    activity: Activity
    note: str


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The presence that the PBX confirmed last; `in_doubt`: what it shows now is only known after asking it."""

    presence: Shown | None
    expires: datetime | None
    in_doubt: bool


class AppointmentAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment, what became of it and why. `subject` is empty wherever it must not be shown.

    `rival` is the id of the appointment that stood before it; `words` say it all in English.
    """

    id: str
    subject: str
    start: datetime
    end: datetime
    all_day: bool
    kind: str | None
    target: str | None
    outcome: str
    rule: str
    rival: str | None
    oddities: tuple[str, ...]
    words: str


class DecisionAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What the PBX ought to show, until when that is certain (null: as long as nothing changes), and why."""

    presence: Shown
    valid_until: datetime | None
    appointments: tuple[AppointmentAccount, ...]


class MailboxPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the calendar is."""

    address: str
    url: str


class PastChange(msgspec.Struct, frozen=True, kw_only=True):
    """A presence that was confirmed at that time."""

    at: datetime
    presence: Shown


class UserDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one user. `candidates` are the addresses that the mailbox is looked for under."""

    guid: str
    name: str
    display_name: str
    home: str
    node: str
    template: str
    groups: tuple[str, ...]
    hidden: bool
    addresses: tuple[str, ...]
    candidates: tuple[str, ...]
    mailbox: MailboxPlace | None
    last_read: datetime | None
    read_from: datetime | None
    read_until: datetime | None
    state: State
    acknowledged: Acknowledged
    decision: DecisionAccount | None
    problems: tuple[Trouble, ...]
    history: tuple[PastChange, ...]


class ResyncQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose calendars are to be read anew, by guid; everybody's if not given."""

    users: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=100_000)] | None = (
        None
    )


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Work that takes its time. Of `total` users, `done` are over, `failed` of them without success."""

    id: str
    kind: Literal["resync"]
    state: Literal["running", "done", "cancelled"]
    actor: Actor
    begun: datetime
    ended: datetime | None
    total: int
    done: int
    failed: int


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """All that are running, and the last ones that are over; the newest first."""

    operations: tuple[Operation, ...]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed something: `action` is the name of the request, `subject` what it was about."""

    at: datetime
    actor: Actor
    action: str
    subject: str


class AuditLog(msgspec.Struct, frozen=True, kw_only=True):
    """The last changes, the newest first."""

    entries: tuple[AuditEntry, ...]


class EventsQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics, divided by commas; all of them if not given."""

    topics: Annotated[str, Meta(max_length=200)] = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The first event: how everything stands, as far as it was asked for. What follows is newer than this."""

    boot: str
    status: Status | None
    users: tuple[UserRow, ...] | None
    operations: tuple[Operation, ...] | None


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The state changed. `number` counts the events of this topic, without a gap."""

    number: int
    status: Status


class UsersEvent(msgspec.Struct, frozen=True, kw_only=True):
    """These users changed, and those are gone."""

    number: int
    users: tuple[UserRow, ...]
    gone: tuple[str, ...]


class OperationEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An operation made progress."""

    number: int
    operation: Operation


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened: with a user's presence (`confirmed`, or `withheld` in a dry run), with a user, or a side."""

    number: int
    at: datetime
    kind: Literal[
        "confirmed",
        "withheld",
        "user trouble",
        "user recovered",
        "link trouble",
        "link recovered",
        "listening",
        "PBX refused",
        "account paused",
        "reading restricted",
        "reading unrestricted",
    ]
    guid: str | None = None
    label: str = ""
    presence: Shown | None = None
    trouble: Trouble | None = None


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed something."""

    number: int
    entry: AuditEntry
