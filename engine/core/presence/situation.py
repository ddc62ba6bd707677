"""The appointments relevant at an instant: running, coming next, and any anomalies in them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment, Oddity, Sensitivity
from engine.core.presence.candidates import KINDS, Candidate, candidate, deciding_rule, identity
from engine.core.presence.local_days import announced_from, representable, stated_zone, whole_days
from engine.core.presence.model import PresenceSettings, Target
from engine.core.presence.reasons import AppointmentOutcome, Reason, Rule
from engine.core.presence.text import cut

LONGEST_SUBJECT = 255  # characters; Outlook's limit

_PLAUSIBLE_YEARS = range(1900, 2200)
_SENSITIVITIES = frozenset(Sensitivity)


def oddities(appointment: Appointment, zone: ZoneInfo) -> Iterator[Oddity]:
    """Yield the anomalies of an appointment; `zone` is the presence time zone."""
    yield from appointment.oddities
    if not appointment.is_understood:
        return
    if appointment.end < appointment.start:
        yield Oddity.ENDS_BEFORE_IT_BEGINS
    if appointment.start.year not in _PLAUSIBLE_YEARS or appointment.end.year not in _PLAUSIBLE_YEARS:
        yield Oddity.IMPLAUSIBLE_DATE
    if appointment.all_day:
        yield from _oddities_of_whole_days(appointment, zone)
    if appointment.show_as not in KINDS:
        yield Oddity.UNKNOWN_SHOW_AS
    if appointment.sensitivity not in _SENSITIVITIES:
        yield Oddity.UNKNOWN_SENSITIVITY
    if len(appointment.subject) > LONGEST_SUBJECT:
        yield Oddity.OVERLONG_SUBJECT


def _oddities_of_whole_days(appointment: Appointment, zone: ZoneInfo) -> Iterator[Oddity]:
    own_zone = stated_zone(appointment)
    if own_zone is None and appointment.zone:
        yield Oddity.UNKNOWN_ZONE
    days = whole_days(appointment.start, appointment.end, own_zone, zone)
    if not days.fits_stated_zone:
        yield Oddity.OTHER_ZONE
    if not days.is_exact:
        yield Oddity.NOT_WHOLE_DAYS


_WHY_DROPPED = MappingProxyType(
    {
        AppointmentOutcome.LEFT_OUT: Rule.NEEDS_A_START_AND_AN_END,
        AppointmentOutcome.CANCELLED: Rule.CANCELLED_IS_NEVER_SHOWN,
        AppointmentOutcome.FREE: Rule.FREE_IS_NEVER_SHOWN,
        AppointmentOutcome.WITHOUT_DURATION: Rule.NEEDS_A_DURATION,
        AppointmentOutcome.IGNORED: Rule.MAPPED_TO_IGNORE,
    }
)


class Situation(msgspec.Struct, frozen=True):
    """A calendar at `now`: all candidates, the running ones, and the coming ones by their start.

    `beyond` are those of `coming` that could be announced but start beyond the horizon.
    """

    now: datetime
    candidates: Sequence[Candidate]
    running: Sequence[Candidate]
    coming: Sequence[Candidate]
    beyond: Sequence[Candidate]
    active: Candidate | None
    next: Candidate | None


def situation(candidates: Sequence[Candidate], now: datetime) -> Situation:
    """Return the situation at `now` for the appointments of one calendar, in any order."""
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
    """Return the outcome of each candidate, in the order of their starts."""
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


def _outcome(c: Candidate, here: Situation) -> tuple[AppointmentOutcome, Rule, Candidate | None]:
    if c.dropped is not None:
        return c.dropped, _WHY_DROPPED[c.dropped], None
    if c.end <= here.now:
        return AppointmentOutcome.OVER, Rule.HAS_ENDED, None
    if c is here.active:
        return AppointmentOutcome.ACTIVE, Rule.RUNNING, None
    if here.active is not None and c.start <= here.now:
        return AppointmentOutcome.OUTRANKED, deciding_rule(here.active.rank, c.rank), here.active
    if c is here.next:
        return AppointmentOutcome.NEXT, Rule.BEGINS_FIRST, None
    if c.target is Target.AVAILABLE:
        return AppointmentOutcome.LATER, Rule.AVAILABLE_IS_NOT_ANNOUNCED, None
    if here.next is None or announced_from(c.start, c.settings) > here.now:
        return AppointmentOutcome.BEYOND_HORIZON, Rule.HORIZON, None
    if c.start > here.next.start:
        return AppointmentOutcome.LATER, Rule.BEGINS_FIRST, here.next
    return AppointmentOutcome.LATER, deciding_rule(here.next.rank, c.rank), here.next


def relevant(calendar: Iterable[Appointment], settings: PresenceSettings, now: datetime) -> list[Candidate]:
    """Return all candidates of `calendar` that can affect the decision for `now`, and possibly some more.

    These are the running ones, those that come next, and those that come within the horizon next. Whole days are
    always included, since their effective bounds differ from those they were read with.
    """
    found: list[Candidate] = []
    later: list[Appointment] = []
    for appointment in calendar:
        if appointment.all_day or appointment.start <= now < appointment.end:
            found.append(candidate(appointment, settings))
        elif appointment.start > now:
            later.append(appointment)
    later.sort(key=attrgetter("start"))
    found += _beginning_first(later, settings)
    if settings.horizon_hours is not None:
        # Without a horizon in hours, everything announced today starts before anything beyond it comes within it.
        within = bisect_right(later, now, key=lambda each: announced_from(representable(each.start), settings))
        found += _beginning_first(later[within:], settings)
    return found


def _beginning_first(later: Sequence[Appointment], settings: PresenceSettings) -> Iterator[Candidate]:
    """Yield candidates up to the first that may be announced, and all that start at the same time."""
    first: datetime | None = None
    for appointment in later:
        if first is not None and appointment.start > first:
            return
        coming = candidate(appointment, settings)
        yield coming
        if coming.dropped is None and coming.target is not Target.AVAILABLE:
            first = appointment.start
