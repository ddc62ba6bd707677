"""Read-only views of the engine's users."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.core.errors import Failure
from engine.core.presence import decide
from engine.core.presence.day_bars import NOTHING, DayBars, day_bars
from engine.core.presence.decide import Decision
from engine.core.presence.local_days import day_of, local_day, start_of_day
from engine.core.presence.model import Presence, PresenceSettings
from engine.core.presence.what_if import PresenceChange, preview_day
from engine.core.users import User
from engine.exchange.errors import MailboxRationed
from engine.exchange.source import Mailbox, SubscriptionStatus, Window
from engine.store.presence import PresenceRecord
from engine.sync.elsewhere import Elsewhere
from engine.sync.events import Observer, Side
from engine.sync.hold import Held
from engine.sync.participants import Participant
from engine.sync.pbx_access import PbxAccess
from engine.sync.preview import UserCalendar
from engine.sync.status import ConnectionStatus, EngineStatus, NotWritten


@dataclass(frozen=True, slots=True)
class UserSummary:
    """Summary of a user. `notice` is a problem that does not prevent reading the calendar.

    `shown` is the presence that the PBX acknowledged last, certain `until` then; `desired` the one it should show, and
    `withheld` the one that would be written if it were not for `not_written`. `read_at` is
    calendar time. `mailbox_url` is where the `mailbox` is, "" if that is not known.
    """

    user: User
    mailbox: str | None
    shown: Presence | None
    desired: Presence | None
    withheld: Presence | None
    until: datetime | None
    problem: Failure | None
    notice: Failure | None
    read_at: datetime | None
    is_watched: bool
    mailbox_url: str = ""
    not_written: NotWritten | None = None


@dataclass(frozen=True, slots=True)
class UserDetails:
    """Details of a user. Appointments appear only in the reasons of `decision`, as far as they may be shown.

    There is no decision until a calendar was read. `read_at` and `next_visit` are calendar time. `day` is what the PBX
    is to show throughout the day that began at `day_begins`. The `problems` prevent a presence, the `notices` do not.
    """

    user: User
    candidates: tuple[str, ...]
    mailbox: Mailbox | None
    window: Window | None
    read_at: datetime | None
    next_visit: datetime | None
    following: SubscriptionStatus
    written: PresenceRecord
    withheld: Presence | None
    not_written: NotWritten | None
    desired: Presence | None
    decision: Decision | None
    day_begins: datetime
    day: tuple[PresenceChange, ...]
    problems: tuple[Failure, ...]
    notices: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class UserDay:
    """A user's day from `start` until `end` as bars.

    Nothing is known outside of `window`; it is None before the first reading.
    """

    start: datetime
    end: datetime
    window: Window | None = None
    bars: DayBars = NOTHING


class EngineView(Protocol):
    """Read-only interface of an engine; see `Engine` for the methods."""

    @property
    def timezone(self) -> ZoneInfo: ...  # noqa: D102
    @property
    def pbx_access(self) -> PbxAccess | None: ...  # noqa: D102
    def status(self) -> EngineStatus: ...  # noqa: D102
    def link(self, side: Side) -> ConnectionStatus: ...  # noqa: D102
    def observe(self, observer: Observer) -> None: ...  # noqa: D102
    def guids(self) -> tuple[str, ...]: ...  # noqa: D102
    def summary(self, guid: str) -> UserSummary | None: ...  # noqa: D102
    def details(self, guid: str, now: datetime) -> UserDetails | None: ...  # noqa: D102
    def calendar(self, guid: str) -> UserCalendar | None: ...  # noqa: D102
    def day(self, guid: str, day: date) -> UserDay | None: ...  # noqa: D102
    async def confirm_hold(self) -> Held | None: ...  # noqa: D102
    def resync(self, guid: str) -> None: ...  # noqa: D102
    def reresolve(self, guid: str) -> None: ...  # noqa: D102
    @property
    def elsewhere(self) -> Elsewhere | None: ...  # noqa: D102


def summary_of(
    participant: Participant,
    written: PresenceRecord,
    withheld: Presence | None,
    notices: tuple[Failure, ...],
    *,
    is_watched: bool,
    not_written: NotWritten | None,
) -> UserSummary:
    """Return the summary of a participant."""
    is_current = participant.desired == written.acknowledged
    return UserSummary(
        user=participant.user,
        mailbox=participant.mailbox.address if participant.mailbox else None,
        mailbox_url=participant.mailbox.url if participant.mailbox else "",
        shown=written.acknowledged,
        desired=participant.desired,
        withheld=withheld,
        until=participant.expires if is_current else written.expires,
        problem=participant.problem or participant.internal_error or participant.refusal,
        notice=notices[0] if notices else None,
        read_at=participant.reading.at if participant.reading else None,
        is_watched=is_watched,
        not_written=not_written,
    )


def details_of(
    participant: Participant,
    written: PresenceRecord,
    settings: PresenceSettings,
    now: datetime,
    *,
    withheld: Presence | None,
    not_written: NotWritten | None,
    following: SubscriptionStatus,
    next_visit: datetime | None,
    notices: tuple[Failure, ...],
) -> UserDetails:
    """Return the details of a participant, with a new decision for `now` (calendar time) and its reasons."""
    reading = participant.reading
    decision, today = None, local_day(now, settings.timezone)
    day: tuple[PresenceChange, ...] = ()
    if reading is not None and participant.internal_error is None:
        appointments = reading.appointments
        decision = decide(appointments, settings, now)
        day = preview_day(appointments, settings, today)
    return UserDetails(
        user=participant.user,
        candidates=participant.candidates,
        mailbox=participant.mailbox,
        window=reading.window if reading else None,
        read_at=reading.at if reading else None,
        next_visit=next_visit,
        following=following,
        written=written,
        withheld=withheld,
        not_written=not_written,
        desired=participant.desired,
        decision=decision,
        day_begins=start_of_day(today, settings.timezone),
        day=day,
        problems=tuple(
            each
            for each in (participant.problem, participant.internal_error, participant.refusal, _rationed(following))
            if each is not None
        ),
        notices=notices,
    )


def day_of_user(participant: Participant, settings: PresenceSettings, day: date) -> UserDay:
    """Return a participant's day in the presence time zone, by the calendar read last."""
    reading, (start, end) = participant.reading, day_of(day, settings.timezone)
    if reading is None or participant.internal_error is not None:
        return UserDay(start, end)
    return UserDay(start, end, reading.window, day_bars(reading.appointments, settings, start, end))


def _rationed(following: SubscriptionStatus) -> Failure | None:
    until = following.held_back_until
    return None if until is None else MailboxRationed(f"the next reading is at {until:%H:%M:%S} UTC")
