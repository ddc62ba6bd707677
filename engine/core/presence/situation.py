"""One calendar at one instant: what is running, what is coming, which one is active and which one is next."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType

import msgspec

from engine.core.presence.account import Outcome, Reason, Rule
from engine.core.presence.candidates import Candidate
from engine.core.presence.horizon import announced_from
from engine.core.presence.model import Target
from engine.core.presence.oddities import LONGEST_SUBJECT, oddities
from engine.core.presence.ranking import deciding_rule, identity
from engine.core.presence.text import cut

_WHY_DROPPED = MappingProxyType(
    {
        Outcome.LEFT_OUT: Rule.NEEDS_A_START_AND_AN_END,
        Outcome.CANCELLED: Rule.CANCELLED_IS_NEVER_SHOWN,
        Outcome.FREE: Rule.FREE_IS_NEVER_SHOWN,
        Outcome.WITHOUT_DURATION: Rule.NEEDS_A_DURATION,
        Outcome.IGNORED: Rule.MAPPED_TO_IGNORE,
    }
)


class Situation(msgspec.Struct, frozen=True):
    """A calendar at `now`: every candidate, which of them are running, and which are coming, by their start.

    `beyond` are those of `coming` that could be announced but begin beyond the horizon.
    """

    now: datetime
    candidates: Sequence[Candidate]
    running: Sequence[Candidate]
    coming: Sequence[Candidate]
    beyond: Sequence[Candidate]
    active: Candidate | None
    next: Candidate | None


def situation(candidates: Sequence[Candidate], now: datetime) -> Situation:
    """Return what holds at `now` among the appointments of one calendar, in any order."""
    taking_part = [c for c in candidates if c.dropped is None and now < c.end]
    running = [c for c in taking_part if c.start <= now]
    coming = sorted((c for c in taking_part if c.start > now), key=attrgetter("start"))
    announceable = [c for c in coming if c.target is not Target.AVAILABLE]
    within_horizon = bisect_right(announceable, now, key=lambda c: announced_from(c.start, c.settings))
    announced, beyond = announceable[:within_horizon], announceable[within_horizon:]
    beginning_first = [c for c in announced if c.start == announced[0].start]
    return Situation(
        now,
        candidates,
        running,
        coming,
        beyond,
        min(running, key=attrgetter("rank"), default=None),
        min(beginning_first, key=attrgetter("rank"), default=None),
    )


def reasons(here: Situation) -> tuple[Reason, ...]:
    """Return what became of each of the candidates, in the order of their starts."""
    in_order = sorted(here.candidates, key=lambda c: (c.start, c.end, identity(c.appointment)))
    return tuple(_reason(c, here) for c in in_order)


def _reason(c: Candidate, here: Situation) -> Reason:
    outcome, rule, rival = _outcome(c, here)
    return Reason(
        id=c.appointment.id,
        subject=cut(c.shown_subject, LONGEST_SUBJECT),
        hidden=c.hidden,
        start=c.start,
        end=c.end,
        all_day=c.last_day is not None,
        kind=c.kind,
        target=c.target,
        outcome=outcome,
        rule=rule,
        rival=None if rival is None else rival.appointment.id,
        oddities=tuple(oddities(c.appointment, c.settings.timezone)),
    )


def _outcome(c: Candidate, here: Situation) -> tuple[Outcome, Rule, Candidate | None]:
    if c.dropped is not None:
        return c.dropped, _WHY_DROPPED[c.dropped], None
    if c.end <= here.now:
        return Outcome.OVER, Rule.HAS_ENDED, None
    if c is here.active:
        return Outcome.ACTIVE, Rule.RUNNING, None
    if here.active is not None and c.start <= here.now:
        return Outcome.OUTRANKED, deciding_rule(here.active.rank, c.rank), here.active
    if c is here.next:
        return Outcome.NEXT, Rule.BEGINS_FIRST, None
    if c.target is Target.AVAILABLE:
        return Outcome.LATER, Rule.AVAILABLE_IS_NOT_ANNOUNCED, None
    if here.next is None or announced_from(c.start, c.settings) > here.now:
        return Outcome.BEYOND_HORIZON, Rule.HORIZON, None
    if c.start > here.next.start:
        return Outcome.LATER, Rule.BEGINS_FIRST, here.next
    return Outcome.LATER, deciding_rule(here.next.rank, c.rank), here.next
