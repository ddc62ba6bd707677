"""Where a part of a text ends that fits into so many columns, once all of it is visible."""

from rich.cells import cell_len

from engine.display import visible


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
