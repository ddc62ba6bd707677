"""A user in a list and all about one user, in the words of the local API."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble

Activity = Literal["available", "busy", "away", "dnd"]
State = Literal["current", "pending", "withheld", "unread", "problem"]
Sort = Literal["name", "display_name", "mailbox", "activity", "state", "problem"]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A presence: activity and note."""

    activity: Activity
    note: str


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a list. `activity` and `note` are what the PBX acknowledged last, null and empty if we never learned.
    That is certain `until` then, if nothing changes (null: for ever). `last_read` tells when the calendar was read, and
    `watched` whether changes in it are heard at once.

    `state`: the PBX shows what it ought to (current), not yet (pending), or will not since this is a dry run
    (withheld); no calendar was read yet (unread), or there is a problem. `withheld` is what would be written to the PBX
    but for a dry run, null where nothing would. `problem` may also be a notice, which is not in the way of a presence.
    """

    guid: str
    name: str
    display_name: str
    mailbox: str | None
    activity: Activity | None
    note: str
    until: datetime | None = None
    state: State
    last_read: datetime | None = None
    watched: bool = False
    problem: str | None = None
    problem_title: str | None = None
    withheld: Shown | None = None


class UsersQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which users: every word of `filter` is, whatever its case, in the name, display name, mailbox, activity, note,
    state or problem, or is at least 8 characters of the guid.

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


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The presence that the PBX confirmed last; `in_doubt`: what it shows now is only known after asking it."""

    presence: Shown | None
    expires: datetime | None
    in_doubt: bool


class AppointmentAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment, what became of it and why. `subject` is empty wherever it must not be shown, and `hidden` tells
    why: it is private or confidential, its sensitivity is unknown, the settings show none, or there is none.

    `rival` is the id of the appointment that stood before it; `words` say it all in English.
    """

    id: str
    subject: str
    hidden: str | None
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


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Whether changes in the calendar are heard at once, `since` when, and on which connection (named by one of the
    mailboxes that share it). `why_not` says in words what keeps it from being watched."""

    watched: bool
    connection: str
    since: datetime | None
    why_not: str


class PastChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A presence that was confirmed at that time."""

    at: datetime
    presence: Shown


class PlannedPresence(msgspec.Struct, frozen=True, kw_only=True):
    """What the PBX is to show from `begins` on, as far as is known now."""

    begins: datetime
    presence: Shown


class UserDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one user. `candidates` are the addresses that the mailbox is looked for under.

    The calendar is due at `next_read`; that is null while it is being read. `day` is the whole day from `day_begins`
    on, in the presence time zone, as its appointments say. `acknowledged` is what the PBX shows, also in a dry run, and
    `withheld` what would be written but for it. Somebody else's address is in the `problems` only where the socket
    allows to change things.
    """

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
    subscription: Subscription
    last_read: datetime | None
    next_read: datetime | None
    read_from: datetime | None
    read_until: datetime | None
    state: State
    acknowledged: Acknowledged
    withheld: Shown | None = None
    decision: DecisionAccount | None
    day_begins: datetime
    day: tuple[PlannedPresence, ...]
    problems: tuple[Trouble, ...]
    history: tuple[PastChange, ...]


class ResyncQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose calendars are to be read anew, or mailboxes looked for anew, by guid; everybody's if not given."""

    users: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=100_000)] | None = (
        None
    )
