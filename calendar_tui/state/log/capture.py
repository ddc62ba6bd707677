"""Whether exchanges are captured, said in a line; and how capturing is asked for."""

import re
from datetime import tzinfo

from calendar_tui.state.lines import Document, Line, Role, Span, cut, line, wrapped
from calendar_tui.state.log.figures import size
from engine.api.schema.log import CaptureQuestion, CaptureState
from engine.display import counted

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LONGEST = 30 * 86400
_DURATION = re.compile(r"(\d{1,7})\s*(s|m|min|h|d)", re.IGNORECASE)


class NotUnderstood(Exception):
    """What was typed makes no sense; the text says what would."""


def capture_line(state: CaptureState | None, zone: tzinfo, width: int) -> Line:
    """Return whether exchanges are captured, of whom, until when, and what is there."""
    if state is None:
        return line(Span(" Nothing is known of the log yet.", Role.MUTED))
    kept = f"{counted(state.stored, 'exchange')} kept, {size(state.bytes)} of {size(state.max_bytes)}"
    if state.trouble or state.dropped:
        trouble = f" ✗ {counted(state.dropped, 'exchange')} dropped{': ' if state.trouble else ''}{state.trouble}"
        return line(Span(cut(trouble, width), Role.PROBLEM))
    if not state.on:
        return line(Span(" · not capturing", Role.NOTICE), Span(cut(f" (C begins)   {kept}", width - 16), Role.MUTED))
    whom = ", ".join(state.mailboxes) or "everybody"
    until = f" until {state.until.astimezone(zone):%H:%M}" if state.until else ""
    said = f" ✓ capturing {whom}{until}"
    return line(Span(cut(said, width), Role.GOOD), Span(cut(f"   {kept}", max(0, width - len(said))), Role.MUTED))


def capture_form(state: CaptureState | None, zone: tzinfo, width: int) -> Document:
    """Return what capturing is, above the fields: mailboxes, and how long."""
    text = (
        "Every exchange with Exchange is kept: who was asked about, what was said, how long it took. "
        "Passwords and tokens never are; subjects are blanked unless debug_log.subjects is set."
    )
    return Document(
        [
            capture_line(state, zone, width),
            line(),
            *wrapped(text, width - 1, " "),
            line(),
            *wrapped("First field: mailboxes, divided by commas; left empty, everybody's.", width - 1, " "),
            *wrapped("Second field: how long (15m, 2h, 1d); left empty, until somebody ends it.", width - 1, " "),
            line(Span(" Enter begins, Tab changes the field, ^O ends capturing.", Role.NOTICE)),
            line(),
        ]
    )


def capture_question(mailboxes: str, duration: str) -> CaptureQuestion:
    """Return what was typed as a question. Raises `NotUnderstood`."""
    return CaptureQuestion(
        on=True, mailboxes=tuple(each for each in re.split(r"[\s,;]+", mailboxes) if each), seconds=_seconds(duration)
    )


def _seconds(text: str) -> int | None:
    if not text.strip():
        return None
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * UNITS[found[2].lower()] if found else 0
    if not 1 <= seconds <= LONGEST:
        raise NotUnderstood(f"{text.strip()} is no duration: for instance 15m, 2h or 1d, at most 30d.")
    return seconds
