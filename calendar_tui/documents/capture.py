"""The form to start capturing, and the parsing of its input."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType

from engine.api.schema.log import EVERY_PEER, CaptureQuestion, CaptureState, Peer
from engine.documents.lines import Document, Role, Span, line, wrapped
from engine.documents.log_status import capture_line

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LONGEST = 30 * 86400
_DURATION = re.compile(r"(\d{1,7})\s*(s|m|min|h|d)", re.IGNORECASE)

SIDES: Mapping[str, tuple[Peer, ...]] = MappingProxyType(
    {"both": EVERY_PEER, "": EVERY_PEER, "exchange": ("exchange",), "pbx": ("pbx",)}
)

FIELDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "mailboxes": ("Mailboxes", "everybody", "separated by commas; empty for everybody"),
        "duration": ("How long", "until stopped", "15m, 2h or 1d; empty until stopped"),
        "side": ("Side", "both", "both, exchange or pbx"),
    }
)
"""For each field its label, what stands in it while it is empty, and what to write."""

LABEL = 12
"""Columns before a field."""


class InputNotUnderstood(Exception):
    """The input is invalid; the text describes valid input."""


def capture_form(state: CaptureState | None, zone: tzinfo, width: int) -> Document:
    """Return the explanation above the fields."""
    text = (
        "Every request to Exchange and every message of the PBX is kept with its answer. Passwords, tokens and digests "
        "are never kept; subjects and notes are blanked unless debug_log.subjects is set."
    )
    return Document([capture_line(state, zone, width), line(), *wrapped(text, width - 1, " "), line()])


def field_label(name: str) -> Document:
    """Return the label before a field."""
    return Document([line(Span(f" {FIELDS[name][0]}", Role.MUTED))])


def field_help(name: str, width: int) -> Document:
    """Return what to write into the field with the focus, and what the keys do."""
    text = FIELDS[name][2] if name in FIELDS else ""
    return Document([line(), *wrapped(text, width - 1, " "), line(Span(" ^O stops capturing.", Role.MUTED))])


def capture_question(mailboxes: str, duration: str, side: str) -> CaptureQuestion:
    """Parse the input into a request. Raises `InputNotUnderstood`."""
    peers = SIDES.get(side.strip().lower())
    if peers is None:
        raise InputNotUnderstood(f"{side.strip()} is not a side: write both, exchange or pbx.")
    chosen = tuple(each for each in re.split(r"[\s,;]+", mailboxes) if each)
    return CaptureQuestion(on=True, peers=peers, mailboxes=chosen, seconds=_seconds(duration))


def _seconds(text: str) -> int | None:
    if not text.strip():
        return None
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * UNITS[found[2].lower()] if found else 0
    if not 1 <= seconds <= LONGEST:
        raise InputNotUnderstood(f"{text.strip()} is not a duration: write for instance 15m, 2h or 1d, at most 30d.")
    return seconds
