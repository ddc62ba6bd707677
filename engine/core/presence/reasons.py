"""Explanation of a decision: the outcome of every appointment and the rule that led to it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import msgspec

from engine.core.appointments import Oddity
from engine.core.presence.model import AppointmentKind, Target


class AppointmentOutcome(StrEnum):
    """Outcome of an appointment in a decision."""

    LEFT_OUT = "left out"
    CANCELLED = "cancelled"
    FREE = "free"
    WITHOUT_DURATION = "without duration"
    IGNORED = "ignored"
    OVER = "over"
    ACTIVE = "active"
    OUTRANKED = "outranked"
    NEXT = "next"
    LATER = "later"
    BEYOND_HORIZON = "beyond the horizon"


class Rule(StrEnum):
    """The rule behind an outcome; the values are shown in the detail pane."""

    NEEDS_A_START_AND_AN_END = "its start or end is unknown"
    CANCELLED_IS_NEVER_SHOWN = "cancelled appointments are never shown"
    FREE_IS_NEVER_SHOWN = "free time is never shown"
    NEEDS_A_DURATION = "it does not end after it starts"
    MAPPED_TO_IGNORE = "mapped to ignore"
    HAS_ENDED = "it has ended"
    RUNNING = "it is running and nothing outranks it"
    TITLE = "a title with priority goes first, a yielding one last"
    TARGET = "busy, away and do not disturb go before available"
    KIND = "the kind of appointment decides"
    LATER_START = "a later start is more specific"
    EARLIER_END = "an earlier end is more specific"
    SMALLER_ID = "equal in every rule"
    BEGINS_FIRST = "the earliest comes next"
    AVAILABLE_IS_NOT_ANNOUNCED = "an appointment that leaves one available is not announced"
    HORIZON = "it starts too late to be announced now"


class Hidden(StrEnum):
    """Reason for not showing the subject of an appointment."""

    SETTING = "subjects are not shown"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"
    UNKNOWN = "unknown sensitivity"
    EMPTY = "no subject"


_RIVALS: Mapping[AppointmentOutcome, str] = MappingProxyType(
    {AppointmentOutcome.OUTRANKED: " by the active appointment", AppointmentOutcome.LATER: " than the next appointment"}
)
_SELF_EXPLAINING = frozenset(
    {
        AppointmentOutcome.CANCELLED,
        AppointmentOutcome.FREE,
        AppointmentOutcome.OVER,
        AppointmentOutcome.ACTIVE,
        AppointmentOutcome.NEXT,
    }
)


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Outcome of one appointment, and the rule that led to it.

    `subject` is empty if it must not be shown, for the reason in `hidden`. `start` and `end` are the UTC instants used,
    for whole days those of the presence time zone. `kind` and `target` are None if none applies (free). `rival` is the
    id of the appointment that took precedence: the active one, or the next.
    """

    id: str
    subject: str
    hidden: Hidden | None
    start: datetime
    end: datetime
    all_day: bool
    kind: AppointmentKind | None
    target: Target | None
    outcome: AppointmentOutcome
    rule: Rule
    rival: str | None
    oddities: tuple[Oddity, ...]

    @property
    def words(self) -> str:
        """The explanation as one line of English, for instance `outranked by the active appointment: …`."""
        words = self.outcome.value
        if self.rival is not None:
            words += _RIVALS[self.outcome]
        if self.outcome not in _SELF_EXPLAINING:
            words += f": {self.rule.value}"
        return "; ".join((words, *(f"odd: it {oddity.value}" for oddity in self.oddities)))
