"""Makes a subject fit for a phone display: one line, no hidden controls, cut where a reader sees a boundary."""

import regex  # type: ignore[import-untyped]

ELLIPSIS = "…"

# Among the blanks is what neither UTF-8 nor XML can hold: halves of a pair, and what is no character at all.
_BLANKS_AND_CONTROLS = regex.compile(r"[\s\p{Cc}\p{Cs}\uFFFE\uFFFF]+")
_BIDI_CONTROLS = regex.compile(r"\p{Bidi_Control}")
_GRAPHEME = regex.compile(r"\X")
_VISIBLE = regex.compile(r"[^\s\p{Default_Ignorable_Code_Point}\p{M}]")


def clean(subject: str) -> str:
    """Return the subject as one line: line breaks, tabs and control characters are blanks, blanks are single.

    Bidi controls go, since they reorder what follows them, and so does what has no width: with nothing else in it, a
    subject is empty.
    """
    if subject.isascii() and subject.isprintable() and "  " not in subject:
        return subject.strip()
    line: str = _BLANKS_AND_CONTROLS.sub(" ", _BIDI_CONTROLS.sub("", subject))
    parts = (part if _VISIBLE.search(part) else " " * (" " in part) for part in _GRAPHEME.findall(line))
    return " ".join("".join(parts).split())


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
