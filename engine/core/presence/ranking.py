"""Which of several appointments goes first: the key of the presence rules, compared from left to right."""

from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from engine.core.appointments import Appointment
from engine.core.presence.account import Rule
from engine.core.presence.model import Kind, PresenceSettings
from engine.core.time_zones import TimeZoneDefinition


class TitleClass(IntEnum):
    """What the word lists make of a subject; the smaller one goes first."""

    PRIORITIZED = 0
    NORMAL = 1
    YIELDING = 2


Identity = tuple[str, datetime, datetime, str, str, str, bool, bool, bool, str, tuple[TimeZoneDefinition, ...], str]
Rank = tuple[TitleClass, bool, int, timedelta, datetime, Identity]
"""What each of `RULES` says about an appointment; the smaller rank goes first."""

RULES = (Rule.TITLE, Rule.TARGET, Rule.KIND, Rule.LATER_START, Rule.EARLIER_END, Rule.SMALLER_ID)

KIND_ORDER = (
    Kind.TENTATIVE_EXCEPTION,
    Kind.OOF,
    Kind.BUSY,
    Kind.TENTATIVE,
    Kind.WORKING_ELSEWHERE,
    Kind.NO_DATA,
)


def deciding_rule(one: Rank, other: Rank) -> Rule:
    """Return the first rule in which two ranks differ."""
    differing = (rule for rule, mine, theirs in zip(RULES, one, other, strict=True) if mine != theirs)
    return next(differing, Rule.SMALLER_ID)


def title_class(subject: str, settings: PresenceSettings) -> TitleClass:
    """Return what the word lists make of `subject`, be it shown or not; the list "must not contain" wins."""
    if not settings.priority_words and not settings.no_priority_words:
        return TitleClass.NORMAL
    folded = subject.casefold()
    if _contains_one(folded, settings.no_priority_words):
        return TitleClass.YIELDING
    if _contains_one(folded, settings.priority_words):
        return TitleClass.PRIORITIZED
    return TitleClass.NORMAL


def identity(a: Appointment) -> Identity:
    """Return the id, and behind it everything else, should two appointments share one."""
    how = (a.show_as, a.sensitivity, a.all_day, a.may_be_whole_days, a.cancelled)
    zones = () if a.zone_definition is None else (a.zone_definition,)
    return (a.id, a.start, a.end, a.subject, *how, a.zone or "", zones, a.organizer or "")


def _contains_one(folded: str, words: tuple[str, ...]) -> bool:
    return any(word in folded for word in _folded(words))


@lru_cache(maxsize=64)
def _folded(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip().casefold() for word in words if word.strip())
