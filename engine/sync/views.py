"""Read-only views of one user, so that nobody outside holds what the parts of the engine are still writing to."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.failures import EngineMistake, Failure
from engine.core.presence import decide
from engine.core.presence.decide import Decision
from engine.core.presence.intervals import local_day, start_of_day
from engine.core.presence.model import Presence, PresenceSettings
from engine.core.presence.what_if import Change, preview_day
from engine.core.users import User
from engine.exchange.source import Mailbox, Window
from engine.store.acknowledged import Written
from engine.sync.roster import Participant


@dataclass(frozen=True, slots=True)
class Glance:
    """A user in short. `shown` is what the PBX acknowledged last, `desired` what it ought to show until `expires`.

    `read_at` is calendar time.
    """

    user: User
    mailbox: str | None
    shown: Presence | None
    desired: Presence | None
    problem: Failure | None
    expires: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of a user, but for the appointments: those are in the reasons of `decision`, as far as they
    may be shown. There is no decision while no calendar was read. `read_at` is calendar time. `day` is what the PBX is
    to show all through the day that began at `day_begins`."""

    user: User
    candidates: tuple[str, ...]
    mailbox: Mailbox | None
    watched: bool
    window: Window | None
    read_at: datetime | None
    written: Written
    desired: Presence | None
    decision: Decision | None
    day_begins: datetime
    day: tuple[Change, ...]
    problems: tuple[Failure, ...]


def glance(participant: Participant, written: Written) -> Glance:
    """Return a participant in short."""
    return Glance(
        user=participant.user,
        mailbox=participant.mailbox.address if participant.mailbox else None,
        shown=written.acknowledged,
        desired=participant.desired,
        problem=participant.problem or participant.refusal,
        expires=participant.expires,
        read_at=participant.reading.at if participant.reading else None,
    )


def account(
    participant: Participant, written: Written, settings: PresenceSettings, now: datetime, *, watched: bool
) -> Account:
    """Return all about a participant; the decision is made anew for `now` (calendar time), with its reasons."""
    reading = participant.reading
    decision, today = None, local_day(now, settings.timezone)
    day: tuple[Change, ...] = ()
    if reading is not None and not isinstance(participant.problem, EngineMistake):
        decision = decide(reading.appointments, settings, now)
        day = preview_day(reading.appointments, settings, today)
    return Account(
        user=participant.user,
        candidates=participant.candidates,
        mailbox=participant.mailbox,
        watched=watched,
        window=reading.window if reading else None,
        read_at=reading.at if reading else None,
        written=written,
        desired=participant.desired,
        decision=decision,
        day_begins=start_of_day(today, settings.timezone),
        day=day,
        problems=tuple(each for each in (participant.problem, participant.refusal) if each is not None),
    )
