"""What no calendar should say: noticed, so that an administrator can tell a strange answer from a strange question."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.core.appointments import Appointment, Oddity, Sensitivity
from engine.core.presence.candidates import KINDS
from engine.core.presence.intervals import whole_days, zone_told

LONGEST_SUBJECT = 255  # characters; Outlook lets nobody enter more

_PLAUSIBLE_YEARS = range(1900, 2200)
_SENSITIVITIES = frozenset(Sensitivity)


def oddities(appointment: Appointment, zone: ZoneInfo) -> Iterator[Oddity]:
    """Yield all that is odd about an appointment; `zone` is the presence time zone."""
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
    told = zone_told(appointment)
    if told is None and appointment.zone:
        yield Oddity.UNKNOWN_ZONE
    days = whole_days(appointment.start, appointment.end, told, zone)
    if not days.fits_zone_told:
        yield Oddity.OTHER_ZONE
    if not days.is_exact:
        yield Oddity.NOT_WHOLE_DAYS
