"""Cells in rows and columns, such as check marks side by side, among which arrow keys move."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.documents.lines import Line, Role, Span, line


@dataclass(frozen=True, slots=True)
class Cell:
    """Something that the cursor can be at, in a row and a column."""

    name: str
    row: int
    column: int = 0


PAGE = 8
"""Rows by which a page is turned."""


def neighbour(cells: Sequence[Cell], at: str, key: str) -> str:
    """Return the cell to which an arrow key, Tab or a key for pages leads, "" for other keys; the ends hold."""
    here = next((each for each in cells if each.name == at), None)
    if here is None or not cells:
        return ""
    match key:
        case "left" | "right":
            beside = [each for each in cells if each.row == here.row]
            return _after(beside, here, 1 if key == "right" else -1)
        case "tab" | "shift+tab":
            return _after(cells, here, 1 if key == "tab" else -1)
        case "up" | "down" | "pageup" | "pagedown" | "home" | "end":
            return _above_or_below(cells, here, key)
        case _:
            return ""


def _after(cells: Sequence[Cell], here: Cell, by: int) -> str:
    in_order = sorted(cells, key=lambda each: (each.row, each.column))
    return in_order[min(max(in_order.index(here) + by, 0), len(in_order) - 1)].name


def _above_or_below(cells: Sequence[Cell], here: Cell, key: str) -> str:
    """Return the cell of the nearest column in another row."""
    rows = sorted({each.row for each in cells})
    steps = {"up": -1, "down": 1, "pageup": -PAGE, "pagedown": PAGE, "home": -len(rows), "end": len(rows)}
    row = rows[min(max(rows.index(here.row) + steps[key], 0), len(rows) - 1)]
    candidates = [each for each in cells if each.row == row]
    return min(candidates, key=lambda each: abs(each.column - here.column)).name


def window(total: int, room: int, at: int | None) -> range:
    """Return which of `total` rows are shown in `room` rows, so that the one `at` is among them."""
    if total <= room:
        return range(total)
    room = max(room, 1)
    first = 0 if at is None else min(max(at - room // 2, 0), total - room)
    return range(first, first + room)


def in_sight(lines: Sequence[Line], cursor: str, room: int) -> list[Line]:
    """Return as many lines as there is room for, the one with the cursor among them; the last row counts the others."""
    at = next((place for place, each in enumerate(lines) if each.key and each.key == cursor), None)
    seen = window(len(lines), room, at)
    below = len(lines) - seen.stop
    if below <= 0:
        return list(lines[seen.start : seen.stop])
    seen = window(len(lines), room - 1, at)
    below = len(lines) - seen.stop
    more = line(Span(f" … {below:,} more ↓" if below else "", Role.MUTED))
    return [*lines[seen.start : seen.stop], more]
