"""Durations and sizes as a person reads them, in a few columns."""

KILO = 1000


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
        amount /= KILO
    return f"{amount:.0f} TB"
