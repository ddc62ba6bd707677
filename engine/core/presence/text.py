"""Cleans and shortens subjects for a phone display."""

import regex  # type: ignore[import-untyped]

ELLIPSIS = "…"

# Blanks include what neither UTF-8 nor XML can represent: lone surrogates and noncharacters.
_BLANKS_AND_CONTROLS = regex.compile(r"[\s\p{Cc}\p{Cs}\uFFFE\uFFFF]+")
_BIDI_CONTROLS = regex.compile(r"\p{Bidi_Control}")
_GRAPHEME = regex.compile(r"\X")
_VISIBLE = regex.compile(r"[^\s\p{Default_Ignorable_Code_Point}\p{M}]")


def clean(subject: str) -> str:
    """Return the subject as one line: line breaks, tabs and control characters become blanks, runs of blanks one blank.

    Bidi controls are removed, since they reorder the text after them, and so are zero-width characters: a subject of
    nothing else is empty.
    """
    if subject.isascii() and subject.isprintable() and "  " not in subject:
        return subject.strip()
    line: str = _BLANKS_AND_CONTROLS.sub(" ", _BIDI_CONTROLS.sub("", subject))
    parts = (part if _VISIBLE.search(part) else " " * (" " in part) for part in _GRAPHEME.findall(line))
    return " ".join("".join(parts).split())


def cut(text: str, room: int) -> str:
    """Return `text` in at most `room` characters, unchanged or cut between two graphemes (UAX #29) with an ellipsis.

    Empty if not even the first grapheme and the ellipsis fit.
    """
    if len(text) <= room:
        return text
    kept = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() >= room:  # it may extend past `room`, and leaves no space for the ellipsis
            break
        kept = grapheme.end()
    return text[:kept].rstrip() + ELLIPSIS if kept else ""
