"""The pause that a server asks for: Retry-After (RFC 9110, section 10.2.3). No I/O."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = 3600.0
"""Longest pause in seconds; if a server wants a longer one, it can ask again."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the pause in seconds, None if the headers (names in lower case) state none."""
    header = headers.get("retry-after", "")
    seconds = whole_number(header)
    if seconds is None and (until := _date(header)) and (now := _date(headers.get("date", ""))):
        # By the server's own clock, so that the accuracy of ours does not matter.
        seconds = max(0.0, (until - now).total_seconds())
    return None if seconds is None else min(seconds, LONGEST_PAUSE)


def whole_number(text: str) -> float | None:
    """Return a number of up to nine digits, None if `text` is anything else."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _date(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else None
