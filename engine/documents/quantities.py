"""Times, durations and sizes in few columns."""

from datetime import datetime, tzinfo


def clock(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """Return an instant as the time of day, with the date unless it is today."""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d %b %H:%M}"


def age(seconds: float) -> str:
    """Return a length of time in the largest unit that is precise enough."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def duration(ms: float) -> str:
    """Return milliseconds in at most seven columns."""
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 99_950:
        return f"{ms / 1000:.1f} s"
    if ms < 6_000_000:
        return f"{ms / 60_000:.0f} min"
    return f"{ms / 3_600_000:.0f} h"


def size(number: int) -> str:
    """Return bytes in at most six columns."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.0f} TB"
