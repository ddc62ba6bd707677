"""Messages of the local API about days: what lies in the calendars of users hour by hour, as bars."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.users import Activity, Sort, UserRow

Kind = Literal["busy", "tentative", "tentative_exception", "oof", "working_elsewhere", "no_data", "free"]

Date = date
"""Fields are named `date`, too."""

MOST_DAYS = 100
"""Maximum number of users in one response."""


class DaysQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The users in `users`, up to 100 guids separated by commas, in that order; without any, those that the same
    question for the list of users selects. `date` is a day of the presence time zone, today if not given."""

    date: Date | None = None
    users: Annotated[str, Meta(max_length=6400, pattern=r"^([^,]*,){0,99}[^,]*$")] = ""
    filter: Annotated[str, Meta(max_length=200)] = ""
    sort: Sort = "display_name"
    descending: bool = False
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = MOST_DAYS


class CalendarBar(msgspec.Struct, frozen=True, kw_only=True):
    """From `begins` until `ends` the most important appointment is of this kind. Subjects are not part of it."""

    begins: datetime
    ends: datetime
    kind: Kind


class PresenceBar(msgspec.Struct, frozen=True, kw_only=True):
    """From `begins` until `ends` the calendar makes the PBX show this activity; in a dry run, it would. In between it
    shows that the user is available."""

    begins: datetime
    ends: datetime
    activity: Activity


class UserDay(msgspec.Struct, frozen=True, kw_only=True):
    """One user's day. Only what lies between `known_from` and `known_until` is known; both are null before the first
    reading."""

    user: UserRow
    known_from: datetime | None
    known_until: datetime | None
    calendar: tuple[CalendarBar, ...]
    presence: tuple[PresenceBar, ...]


class DaysPage(msgspec.Struct, frozen=True, kw_only=True):
    """The `date` from `begins` until `ends`, in `timezone` (an IANA name); `total` users match the question."""

    date: Date
    begins: datetime
    ends: datetime
    timezone: str
    total: int
    page: int
    per_page: int
    days: tuple[UserDay, ...]
