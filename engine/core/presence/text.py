"""Makes a subject fit for a phone display: one line, no hidden controls, cut where a reader sees a boundary."""

import regex  # type: ignore[import-untyped]

ELLIPSIS = "…"

_BLANKS_AND_CONTROLS = regex.compile(r"[\s\p{Cc}]+")
_INVISIBLE = regex.compile(r"[\p{Bidi_Control}\p{Cs}]")
_GRAPHEME = regex.compile(r"\X")


def clean(subject: str) -> str:
    """Return the subject as one line: line breaks, tabs and control characters are blanks, blanks are single.

    Bidi controls go, since they reorder what follows them; so do lone surrogates, which have no UTF-8.
    """
    if subject.isprintable() and "  " not in subject:
        return subject.strip()
    line: str = _BLANKS_AND_CONTROLS.sub(" ", _INVISIBLE.sub("", subject))
    return line.strip()


def cut(text: str, room: int) -> str:
    """Return `text` in at most `room` characters, whole or cut between two graphemes (UAX #29) with an ellipsis.

    Empty where not even the first grapheme and the ellipsis have room.
    """
    if len(text) <= room:
        return text
    kept = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() >= room:  # may go on behind `room`, and leaves no place for the ellipsis
            break
        kept = grapheme.end()
    return text[:kept].rstrip() + ELLIPSIS if kept else ""
