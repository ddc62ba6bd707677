"""What somebody types to go to a time: a time of day, a day, both, or how long ago."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_AGO = re.compile(r"-?(\d{1,6})\s*(s|m|h|d)", re.IGNORECASE)
_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def typed_time(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the instant (UTC) that `text` means in `zone`, None if it means none: 14:05, 2026-11-22, 10m (ago)."""
    text = text.strip()
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
    today = now.astimezone(zone).date().isoformat()
    of_day = _OF_DAY.fullmatch(text)
    if of_day:
        text = f"{today}T{int(of_day[1]):02}:{of_day[2]}:{of_day[3] or '00'}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=zone)
    found = found.astimezone(UTC)
    return found - timedelta(days=1) if of_day and found > now else found
