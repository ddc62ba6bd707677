"""Which appointments of a calendar can matter at an instant, so that the others need no close look."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from engine.core.appointments import Appointment
from engine.core.presence.candidates import Candidate, candidate
from engine.core.presence.horizon import announced_from
from engine.core.presence.intervals import representable
from engine.core.presence.model import PresenceSettings, Target


def relevant(calendar: Iterable[Appointment], settings: PresenceSettings, now: datetime) -> list[Candidate]:
    """Return all candidates of `calendar` that make a difference to what is decided for `now`, and maybe some more.

    Those are whatever is running, what comes next, and what comes within the horizon next. Whole days are always
    among them, since their bounds are not those that they were read with.
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
        # Without a horizon in hours, whatever may be announced today begins before anything beyond comes within it.
        within = bisect_right(later, now, key=lambda each: announced_from(representable(each.start), settings))
        found += _beginning_first(later[within:], settings)
    return found


def _beginning_first(later: Sequence[Appointment], settings: PresenceSettings) -> Iterator[Candidate]:
    """Yield from the first on until there is one that may be announced, and those that begin with it."""
    first: datetime | None = None
    for appointment in later:
        if first is not None and appointment.start > first:
            return
        coming = candidate(appointment, settings)
        yield coming
        if coming.dropped is None and coming.target is not Target.AVAILABLE:
            first = appointment.start
