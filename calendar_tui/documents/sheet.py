"""What a pane and the second row show: values that a view makes and the frame draws."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Lines, Role, Span, cut, line

CORNERS = ("╭", "╮", "╰", "╯")
ACROSS, DOWN = "─", "│"
MARK = "▸"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The content of a pane: lines that scroll, between heads and a foot that stay.

    `title` and `order` stand in the frame that panes have in the wide layout, at the top left and right; `place` at the
    bottom right, where the range of visible lines is shown if it is empty. `cursor` is the key of the line that the
    cursor goes to, "" leaves it where it is. `tells_more`: the last row says how many lines are below.
    `cursor_scrolls`: the wheel moves the cursor, as in a list whose end is followed. `unit` lines belong together each:
    they are shown together or not at all.
    """

    lines: Lines
    heads: Document = field(default_factory=Document)
    foot: Document = field(default_factory=Document)
    title: str = ""
    order: str = ""
    place: str = ""
    cursor: str = ""
    tells_more: bool = True
    cursor_scrolls: bool = False
    unit: int = 1


def _cut(spans: Iterable[Span], room: int) -> list[Span]:
    """Return what of spans fits into so many columns."""
    parts: list[Span] = []
    for span in spans:
        text = cut(span.text, max(0, room))
        parts.append(span._replace(text=text))
        room -= columns(text)
    return parts


@dataclass(frozen=True, slots=True)
class Row:
    """The second row of the screen: where one is and what is shown at the left, order and place at the right."""

    left: tuple[Span, ...] = ()
    right: str | tuple[Span, ...] = ""

    def line(self, width: int) -> Line:
        """Return the row in `width` columns; what has no room is cut, the left part first."""
        right = _cut(self.at_right, width - 2)
        taken = sum(columns(span.text) for span in right)
        left = _cut(self.left, width - 2 - (taken + 2 if taken else 0))
        gap = width - 2 - taken - sum(columns(span.text) for span in left)
        return line(" ", *left, " " * gap, *right)

    @property
    def at_right(self) -> tuple[Span, ...]:
        """What stands at the right; a bare text is muted."""
        if isinstance(self.right, str):
            return (Span(self.right, Role.MUTED),) if self.right else ()
        return self.right


def edge(left: str, right: str, width: int, *, below: bool, focused: bool) -> Line:
    """Return the upper or lower edge of a frame with its titles, `width` columns wide."""
    role = Role.KEY if focused else Role.EDGE
    first, last = CORNERS[2:] if below else CORNERS[:2]
    left = f" {cut(left, width - 6)} " if left else ""
    room = width - 4 - columns(left)
    right = f" {cut(right, room - 3)} " if right and room > 8 else ""
    between = ACROSS * (room - columns(right))
    return line(
        Span(f"{first}{ACROSS}", role),
        Span(left, Role.TITLE),
        Span(between, role),
        Span(right, Role.MUTED),
        Span(f"{ACROSS}{last}", role),
    )


def with_mark(shown: Line) -> Line:
    """Return a line with the mark of the cursor in one of its leading blanks, two before its first letter if it can."""
    text = shown.text
    indent = len(text) - len(text.lstrip(" "))
    if not text or not indent:
        return shown
    place = max(0, indent - 2)
    parts: list[Span] = []
    for span in shown.spans:
        if 0 <= place < len(span.text):
            before, after = span.text[:place], span.text[place + 1 :]
            parts += [span._replace(text=before), Span(MARK, Role.KEY), span._replace(text=after)]
        else:
            parts.append(span)
        place -= len(span.text)
    return shown._replace(spans=tuple(part for part in parts if part.text))
