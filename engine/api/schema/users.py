"""Messages of the local API about users: the list, and the details of one user."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble

Activity = Literal["available", "busy", "away", "dnd"]
NotWritten = Literal["dry run", "no pilot"]
"""Why nothing is written for a user: for nobody in a dry run, or for the pilots alone."""

State = Literal["current", "pending", "withheld", "unread", "problem"]
Sort = Literal["name", "display_name", "mailbox", "activity", "state", "problem"]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A presence: activity and note."""

    activity: Activity
    note: str


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a list. `activity` and `note` are those that the PBX acknowledged last, null and empty if unknown.
    They are valid `until` then, if nothing changes (null: indefinitely). `last_read` is when the calendar was read, and
    `watched` whether it sends change notifications.

    `state`: the PBX shows the intended presence (current), not yet (pending), or will not because of `not_written`
    (withheld). Or the calendar was not read yet (unread), or there is a problem. `withheld` is the presence that would
    be written but for `not_written`, null if none. `problem` may also be a notice, which does not prevent a presence.

    `owner` is the node that works for the user where that is another engine than the one that answers, empty if none
    does at the moment. Then only what that one has stored of the presence is known.
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
    not_written: NotWritten | None = None
    owner: str | None = None


class UsersQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects users: every word of `filter` occurs, ignoring case, in the name, display name, mailbox, activity, note,
    state, problem or owner, or is a part of the guid of at least 8 characters.

    `descending` reverses `sort`.
    """

    filter: Annotated[str, Meta(max_length=200)] = ""
    sort: Sort = "display_name"
    descending: bool = False
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class UsersPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `total` users match the filter."""

    total: int
    page: int
    per_page: int
    users: tuple[UserRow, ...]


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The presence that the PBX confirmed last; `in_doubt`: it may show another one, and will be asked."""

    presence: Shown | None
    expires: datetime | None
    in_doubt: bool


class AppointmentAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment with its outcome and the reason. `subject` is empty wherever it must not be shown; `hidden` is
    the reason: it is private or confidential, its sensitivity is unknown, the settings show none, or there is none.

    `rival` is the id of the appointment that took precedence; `words` explain it all in English.
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
    """The intended presence, until when it is valid (null: until something changes), and the reasons."""

    presence: Shown
    valid_until: datetime | None
    appointments: tuple[AppointmentAccount, ...]


class MailboxPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The location of the calendar."""

    address: str
    url: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the calendar sends change notifications, `since` when, and on which connection (named by one of the
    mailboxes that share it). `why_not` is the reason why it is not watched."""

    watched: bool
    connection: str
    since: datetime | None
    why_not: str


class PastChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A presence that the PBX confirmed at that time."""

    at: datetime
    presence: Shown


class PlannedPresence(msgspec.Struct, frozen=True, kw_only=True):
    """The presence intended from `begins` on, as far as it is known now."""

    begins: datetime
    presence: Shown


class UserDetail(msgspec.Struct, frozen=True, kw_only=True):
    """The details of one user. `candidates` are the addresses tried to find the mailbox.

    The calendar is due at `next_read`; that is null while it is being read. `day` is the whole day from `day_begins`
    on, in the presence time zone, as its appointments say. `acknowledged` is what the PBX shows, also if `not_written`
    is set, and `withheld` what would be written otherwise. Addresses of other people are in the `problems` only on the
    socket that allows changes.

    Of a user of another node, its `owner`, nothing is known but the presence and who the user is.
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
    not_written: NotWritten | None = None
    decision: DecisionAccount | None
    day_begins: datetime
    day: tuple[PlannedPresence, ...]
    problems: tuple[Trouble, ...]
    history: tuple[PastChange, ...]
    owner: str | None = None


class ResyncQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The users to resync or reresolve, by guid; all if not given."""

    users: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=100_000)] | None = (
        None
    )
