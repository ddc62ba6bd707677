"""Lines of text whose parts have roles; the output maps roles to styles."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from engine.api.schema import Activity
from engine.documents.columns import columns, filled, printable


class Role(StrEnum):
    """The role of a part of a line."""

    PLAIN = "plain"
    MUTED = "muted"
    TITLE = "title"
    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    DND = "dnd"
    GOOD = "good"
    PROBLEM = "problem"
    NOTICE = "notice"
    KEY = "key"
    CHIP = "chip"
    BAR = "bar"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    VALUE = "value"
    ENTITY = "entity"
    FOUND = "found"
    BANNER = "banner"
    ALARM = "alarm"
    TAB = "tab"
    EDGE = "edge"
    FIELD = "field"
    HINT = "hint"


class Span(NamedTuple):
    """A part of a line; a click on it runs `action` of the screen."""

    text: str
    role: Role = Role.PLAIN
    action: str = ""


class Line(NamedTuple):
    """One line; `key` identifies the item it represents, if it can be chosen.

    A `joined` line continues a word that had to be broken at the end of the previous line.
    """

    spans: tuple[Span, ...] = ()
    key: str = ""
    joined: bool = False

    @property
    def text(self) -> str:
        """The plain text of the line."""
        return "".join(span.text for span in self.spans)


UNLIMITED = 10_000
"""The width of an output without a limit, such as a pipe: nothing is cut, charts are as wide as on a large screen."""


class Lines(Protocol):
    """A sequence of lines, each made only when it is shown."""

    def __len__(self) -> int: ...

    def line(self, index: int, width: int) -> Line:
        """Return the line at `index`, made for `width` columns."""
        ...

    def position(self, key: str) -> int | None:
        """Return the position of the line with this key, None if there is none."""
        ...


class Document:
    """Lines that are made in advance."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self._lines = tuple(lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def line(self, index: int, width: int) -> Line:
        """Return a line; its width was determined when it was made."""
        return self._lines[index]

    def position(self, key: str) -> int | None:
        """Return the position of the line with this key, None if there is none."""
        return next((index for index, line in enumerate(self._lines) if line.key == key), None)


ACTIVITIES: dict[Activity, Span] = {
    "available": Span("○ available", Role.AVAILABLE),
    "busy": Span("● busy     ", Role.BUSY),
    "away": Span("◐ away     ", Role.AWAY),
    "dnd": Span("⊘ dnd      ", Role.DND),
}
UNKNOWN_ACTIVITY = Span("? unknown  ", Role.MUTED)
"""Glyph and word convey the same as the colour; all are eleven columns wide."""


def activity(shown: Activity | None) -> Span:
    """Return an activity in eleven columns."""
    return UNKNOWN_ACTIVITY if shown is None else ACTIVITIES[shown]


COMMAND_LINES = 2
"""Lines of a command that are shown; the last one gives the number of hidden ones. A small screen needs the other lines
too, and a long command is copied rather than typed."""


def fitted(text: str, width: int, *, whole: bool = False) -> str:
    """Return `text` in exactly `width` columns, with an ellipsis if it was cut; in more columns if `whole`."""
    text = printable(text)
    if whole or columns(text) <= width:
        return filled(text, max(width, columns(text)))
    return filled(text, width - 1) + "…" if width > 0 else ""


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, with an ellipsis if it was cut."""
    text = printable(text)
    return text if columns(text) <= width else fitted(text, width)


def line(*parts: str | Span, key: str = "") -> Line:
    """Return a line of these parts; a bare text has the plain role."""
    spans = (part if isinstance(part, Span) else Span(part) for part in parts)
    return Line(tuple(span._replace(text=printable(span.text)) for span in spans), key)


def heading(text: str) -> Line:
    """Return the line above a group of lines."""
    return line(Span(text, Role.TITLE))


def chips(names: Iterable[str]) -> Line:
    """Return the filters of a list as chips."""
    return line(*(part for name in names for part in (" ", Span(f" {name} ", Role.CHIP))))


def wrapped(text: str, width: int, indent: str = "", role: Role = Role.PLAIN, most: int | None = None) -> list[Line]:
    """Return `text` as lines of at most `width` columns, at most `most` of them if given; names are not broken."""
    text = printable(text)
    parts = textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
    )
    joined = _joined(text, [part.removeprefix(indent) for part in parts])
    return [line(Span(part, role))._replace(joined=goes_on) for part, goes_on in zip(parts, joined, strict=True)]


def _joined(text: str, parts: Iterable[str]) -> Iterator[bool]:
    """Return for each part of a wrapped text whether the previous one ended within a word."""
    place = 0
    for part in parts:
        start = text.find(part, place)
        yield 0 < place == start
        place = start + len(part)


def labelled(label: str, text: str, width: int, role: Role = Role.PLAIN, of_label: Role = Role.MUTED) -> Iterator[Line]:
    """Yield a text after its label; further lines are indented below the first."""
    return beside((Span(label, of_label),), text, width, role)


def beside(
    begin: Sequence[Span], text: str, width: int, role: Role = Role.PLAIN, most: int | None = None
) -> Iterator[Line]:
    """Yield a text beside what its first line begins with, in at most `most` lines if given; the others are indented
    below the first."""
    indent = sum(columns(span.text) for span in begin)
    first, *others = wrapped(text, width, " " * indent, role, most) or [line(" " * indent)]
    yield line(*begin, Span(first.text[indent:], role))
    yield from others


def typed_as_is(command: str, width: int, indent: str, rest: str = "") -> list[Line]:
    """Return a command as lines that are broken only at blanks; of a long one the first lines, the number of the
    others, and how to get the `rest`.
    """
    parts = textwrap.wrap(
        printable(command), max(width, 20), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    lines = [line(Span(part, Role.KEY)) for part in parts]
    if len(lines) <= COMMAND_LINES:
        return lines
    hidden = len(lines) - COMMAND_LINES + 1
    return [*lines[: COMMAND_LINES - 1], line(Span(cut(f"{indent}… {hidden} more lines{rest}", width), Role.MUTED))]


def difference(before: Line, after: Line, width: int) -> range:
    """Return the range of columns, out of `width`, in which two lines differ."""
    if before == after:
        return range(0)
    old, new = _letters(before, width), _letters(after, width)
    first = _common(old, new)
    alike = _common(reversed(old), reversed(new)) if _columns(old) == _columns(new) else 0
    start, stop = _columns(new[:first]), _columns(new[: len(new) - alike])
    return range(min(start, width), min(max(start, stop), width))


def _letters(line_: Line, width: int) -> list[tuple[str, Role]]:
    """Return the letters of a line with their combining marks, padded with blanks."""
    letters: list[tuple[str, Role]] = []
    for text, role, _ in line_.spans:
        for letter in text:
            if letters and not columns(letter):
                letters[-1] = (letters[-1][0] + letter, letters[-1][1])
            else:
                letters.append((letter, role))
    return letters + [(" ", Role.PLAIN)] * max(0, width - _columns(letters))


def _common(some: Iterable[tuple[str, Role]], others: Iterable[tuple[str, Role]]) -> int:
    """Return the length of the common prefix in letters."""
    count = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        count += 1
    return count


def _columns(letters: Sequence[tuple[str, Role]]) -> int:
    return columns("".join(letter for letter, _ in letters))
