"""How far ahead a presence looks for what comes next."""

from datetime import datetime, timedelta

from engine.core.presence.intervals import local_day, start_of_day
from engine.core.presence.model import PresenceSettings

_LONGEST_HOURS = 24.0 * 36_525  # a century, which keeps the arithmetic within the calendar


def announced_from(start: datetime, settings: PresenceSettings) -> datetime:
    """Return the first instant at which something that begins at `start` is within the horizon.

    A whole local day by default: that is the beginning of the day it begins on. A horizon of nothing is `start`
    itself, when it is no longer coming.
    """
    hours = settings.horizon_hours
    if hours is None:
        return start_of_day(local_day(start, settings.timezone), settings.timezone)
    return start - timedelta(hours=max(0.0, min(hours, _LONGEST_HOURS)))
