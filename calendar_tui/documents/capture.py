"""The form to start capturing, and the parsing of its input."""

import re
from datetime import tzinfo

from engine.api.schema.log import CaptureQuestion, CaptureState
from engine.documents.lines import Document, Role, Span, line, wrapped
from engine.documents.log_status import capture_line

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LONGEST = 30 * 86400
_DURATION = re.compile(r"(\d{1,7})\s*(s|m|min|h|d)", re.IGNORECASE)


class InputNotUnderstood(Exception):
    """The input is invalid; the text describes valid input."""


def capture_form(state: CaptureState | None, zone: tzinfo, width: int) -> Document:
    """Return the explanation of capturing and of the fields below it."""
    text = (
        "Every request to Exchange and its answer is kept, with mailbox, content and duration. "
        "Passwords and tokens are never kept; subjects are blanked unless debug_log.subjects is set."
    )
    return Document(
        [
            capture_line(state, zone, width),
            line(),
            *wrapped(text, width - 1, " "),
            line(),
            *wrapped("First field: mailboxes, separated by commas; empty for all.", width - 1, " "),
            *wrapped("Second field: how long (15m, 2h, 1d); empty until stopped.", width - 1, " "),
            line(Span(" Enter starts, Tab changes the field, ^O stops capturing.", Role.NOTICE)),
            line(),
        ]
    )


def capture_question(mailboxes: str, duration: str) -> CaptureQuestion:
    """Parse the input into a request. Raises `InputNotUnderstood`."""
    return CaptureQuestion(
        on=True, mailboxes=tuple(each for each in re.split(r"[\s,;]+", mailboxes) if each), seconds=_seconds(duration)
    )


def _seconds(text: str) -> int | None:
    if not text.strip():
        return None
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * UNITS[found[2].lower()] if found else 0
    if not 1 <= seconds <= LONGEST:
        raise InputNotUnderstood(f"{text.strip()} is not a duration: write for instance 15m, 2h or 1d, at most 30d.")
    return seconds
