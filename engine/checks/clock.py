"""How far this machine's clock is from that of a server, by the Date header of an answer (RFC 9110, section 6.6.1)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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
