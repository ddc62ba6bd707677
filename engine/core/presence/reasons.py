"""Why: a typed account of every appointment that was looked at, and the words for it in a detail pane."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import msgspec

from engine.core.appointments import Oddity
from engine.core.presence.model import Kind, Target


class Outcome(StrEnum):
    """What became of an appointment."""

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
    """Which rule said so; the values are what the detail pane shows."""

    NEEDS_A_START_AND_AN_END = "nobody can tell when it begins or ends"
    CANCELLED_IS_NEVER_SHOWN = "cancelled appointments are never shown"
    FREE_IS_NEVER_SHOWN = "free time is never shown"
    NEEDS_A_DURATION = "it does not end after it begins"
    MAPPED_TO_IGNORE = "mapped to ignore"
    HAS_ENDED = "it has ended"
    RUNNING = "it is running and nothing outranks it"
    TITLE = "a title with priority goes first, a yielding one last"
    TARGET = "busy, away and do not disturb go before available"
    KIND = "the kind of appointment decides"
    LATER_START = "what begins later is more specific"
    EARLIER_END = "what ends earlier is more specific"
    SMALLER_ID = "equal in all that counts"
    BEGINS_FIRST = "what begins first comes next"
    AVAILABLE_IS_NOT_ANNOUNCED = "an appointment that leaves one available is not announced"
    HORIZON = "it begins too late to be announced now"


class Hidden(StrEnum):
    """Why the subject of an appointment is not shown."""

    SETTING = "subjects are not shown"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"
    UNKNOWN = "unknown sensitivity"
    EMPTY = "no subject"


_RIVALS: Mapping[Outcome, str] = MappingProxyType(
    {Outcome.OUTRANKED: " by the active appointment", Outcome.LATER: " than the next appointment"}
)
_SELF_EXPLAINING = frozenset({Outcome.CANCELLED, Outcome.FREE, Outcome.OVER, Outcome.ACTIVE, Outcome.NEXT})


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one appointment and why.

    `subject` is empty wherever it must not be shown, and `hidden` tells why. `start` and `end` are the UTC instants
    that counted, for whole days those of the presence time zone. `kind` and `target` are None where none applies
    (free). `rival` is the id of the appointment that stood before this one: the active one, or the next.
    """

    id: str
    subject: str
    hidden: Hidden | None
    start: datetime
    end: datetime
    all_day: bool
    kind: Kind | None
    target: Target | None
    outcome: Outcome
    rule: Rule
    rival: str | None
    oddities: tuple[Oddity, ...]

    @property
    def words(self) -> str:
        """The account as a line of English, for instance `outranked by the active appointment: …`."""
        words = self.outcome.value
        if self.rival is not None:
            words += _RIVALS[self.outcome]
        if self.outcome not in _SELF_EXPLAINING:
            words += f": {self.rule.value}"
        return "; ".join((words, *(f"odd: it {oddity.value}" for oddity in self.oddities)))
