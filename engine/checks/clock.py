"""The clock of this machine: how far it is from that of a server, by the Date header of an answer (RFC 9110, section
6.6.1), and whether a time service keeps it right."""

import ctypes
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from engine.checks.check import StepLog, StepSkipped
from engine.checks.errors import ClockDiffers

TOLERATED = timedelta(minutes=5)
"""Kerberos, NTLM and the assertions of Entra end to be valid beyond this."""

MachineTime = Callable[[], datetime]


def machine_time() -> datetime:
    """Return the machine's own time, by which log-ins and certificates are judged: no injected clock is used here."""
    return datetime.now(UTC)


def compare(step_log: StepLog, date: str, server: str, now: datetime) -> None:
    """Compare `now` with the Date header of `server`. Raises `ClockDiffers`, or `StepSkipped` without a valid one."""
    try:
        there = parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise StepSkipped(f"{server} does not tell its time") from None
    skew = now - there
    ahead = "ahead of" if skew > timedelta() else "behind"
    said = f"{_length(abs(skew))} {ahead} that of {server}"
    if abs(skew) > TOLERATED:
        raise ClockDiffers(f"it is {said}")
    # The header has whole seconds.
    step_log.evidence.append(f"the clock agrees with that of {server}" if abs(skew) < timedelta(seconds=2) else said)


def _length(skew: timedelta) -> str:
    minutes = skew / timedelta(minutes=1)
    return f"{minutes:.0f} min" if minutes >= 2 else f"{skew.total_seconds():.0f} s"


SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd whenever it has set the clock (systemd-timesyncd.service(8))."""
UNSYNCHRONISED = 16_000_000
"""Microseconds: with this largest error, the clock counts as not synchronised (as for timedatectl(1))."""


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` (adjtimex(2)), with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_long * 32),
    )


def largest_error() -> int | None:
    """Return by how many microseconds the kernel takes the clock to be wrong at most; None if it does not tell, as it
    does not tell the service, whose sandbox keeps the calls about clocks from it."""
    now = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(now))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else int(now.maxerror)


def is_kept_right(error: int | None, synchronised: Path = SYNCHRONISED) -> bool | None:
    """Return whether a time service keeps the clock right, None if that is not known; `error` is the largest one."""
    if error is not None:
        return error < UNSYNCHRONISED
    return True if synchronised.exists() else None
