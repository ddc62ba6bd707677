"""What can be seen of an engine from outside, so that nobody holds what its parts are still writing to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.core.appointments import Appointment
from engine.core.failures import EngineMistake, Failure
from engine.core.presence import decide
from engine.core.presence.decide import Decision
from engine.core.presence.model import Presence, PresenceSettings
from engine.core.users import User
from engine.exchange.source import Mailbox, Window
from engine.store.acknowledged import Written
from engine.sync.happenings import Observer
from engine.sync.roster import Participant
from engine.sync.status import Status


@dataclass(frozen=True, slots=True)
class Glance:
    """A user in short. `shown` is what the PBX acknowledged last, `desired` what it ought to show."""

    user: User
    mailbox: str | None
    shown: Presence | None
    desired: Presence | None
    problem: Failure | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of a user, but for the appointments: those are in the reasons of `decision`, as far as they
    may be shown. There is no decision while no calendar was read. `read_at` is calendar time."""

    user: User
    candidates: tuple[str, ...]
    mailbox: Mailbox | None
    window: Window | None
    read_at: datetime | None
    written: Written
    desired: Presence | None
    decision: Decision | None
    problems: tuple[Failure, ...]


class EngineView(Protocol):
    """An engine as whoever watches it sees it; `Engine` says what each of these does."""

    def status(self) -> Status: ...  # noqa: D102
    def observe(self, observer: Observer) -> None: ...  # noqa: D102
    def guids(self) -> tuple[str, ...]: ...  # noqa: D102
    def glance(self, guid: str) -> Glance | None: ...  # noqa: D102
    def account(self, guid: str, now: datetime) -> Account | None: ...  # noqa: D102
    def calendar(self, guid: str) -> tuple[User, tuple[Appointment, ...] | None] | None: ...  # noqa: D102
    def visit(self, guid: str) -> None: ...  # noqa: D102


def glance(participant: Participant, written: Written) -> Glance:
    """Return a participant in short."""
    return Glance(
        user=participant.user,
        mailbox=participant.mailbox.address if participant.mailbox else None,
        shown=written.acknowledged,
        desired=participant.desired,
        problem=participant.problem or participant.refusal,
        is_read=participant.reading is not None,
    )


def account(participant: Participant, written: Written, settings: PresenceSettings, now: datetime) -> Account:
    """Return all about a participant; the decision is made anew for `now` (calendar time), with its reasons."""
    reading = participant.reading
    decision = None
    if reading is not None and not isinstance(participant.problem, EngineMistake):
        decision = decide(reading.appointments, settings, now)
    return Account(
        user=participant.user,
        candidates=participant.candidates,
        mailbox=participant.mailbox,
        window=reading.window if reading else None,
        read_at=reading.at if reading else None,
        written=written,
        desired=participant.desired,
        decision=decision,
        problems=tuple(each for each in (participant.problem, participant.refusal) if each is not None),
    )
