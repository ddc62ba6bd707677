"""Makes every character visible: what would move the cursor, hide or turn the text round is shown as a sign."""

from rich.cells import cell_len

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_HIDDEN = (
    *range(0x80, 0xA0),
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
)
_SIGNS = _PICTURES | dict.fromkeys(_HIDDEN, 0xFFFD)


def visible(text: str) -> str:
    """Return `text` with as many characters, none of which does anything to a terminal but to be seen."""
    return text if text.isprintable() else text.translate(_SIGNS)


def columns_end(text: str, start: int, end: int, width: int) -> int:
    """Return where the part of `text` ends that begins at `start` and fits into `width` columns (one at least)."""
    part = text[start : min(end, start + width)]
    if part.isascii() or cell_len(visible(part)) <= width:
        return start + len(part)
    used = 0
    for place, letter in enumerate(part):
        used += cell_len(visible(letter))
        if used > width:
            return start + max(place, 1)
    return start + len(part)
