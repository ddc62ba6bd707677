"""Pages of a form: lines of text, and the places of the input fields that lie over them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from engine.api.schema.setup import SetupField, SetupOption
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, cut, fitted, line, wrapped

NARROWEST, WIDEST = 20, 28
"""Columns of an input field: at least, and at 80 columns."""

LABELS = (14, 12)
"""Columns of the labels: the first if the fields keep their width."""

HIDDEN, STORED = "•", "•••••• stored"
"""What is shown in place of the letters of a secret, and of one that was typed before."""

_AROUND = 4
"""Columns around a field: its brackets, its mark and the blank before the key."""

MARKS = {"✓": Role.GOOD, "✗": Role.PROBLEM, "!": Role.NOTICE, "…": Role.MUTED, "·": Role.MUTED}
"""Roles of the marks of states."""


@dataclass(frozen=True, slots=True)
class InputPlace:
    """Where the input of this name lies: its row, and its first column within the brackets.

    If it is not `typed` into, it is a cell, such as a check mark among others in a row, which shows the cursor itself.
    """

    name: str
    row: int
    column: int
    width: int
    typed: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, with the places of the inputs among them. The cursor can be in each input and on each line with a key."""

    lines: tuple[Line, ...] = ()
    places: tuple[InputPlace, ...] = ()

    def __add__(self, below: "Page") -> "Page":
        moved = (replace(place, row=place.row + len(self.lines)) for place in below.places)
        return Page(self.lines + below.lines, (*self.places, *moved))

    def without_blanks(self) -> "Page":
        """Return the page without its empty lines, for a screen that is too low for it."""
        kept = [row for row, each in enumerate(self.lines) if each.text.strip()]
        places = tuple(replace(place, row=kept.index(place.row)) for place in self.places)
        return Page(tuple(self.lines[row] for row in kept), places)

    @property
    def stops(self) -> tuple[str, ...]:
        """The names of the inputs and the keys of the lines, in the order of Tab."""
        found = [(place.row, place.column, place.name) for place in self.places]
        found += [(row, 0, each.key) for row, each in enumerate(self.lines) if each.key]
        return tuple(name for _, _, name in sorted(found))


@dataclass(frozen=True, slots=True)
class FormState:
    """What a page depends on besides the engine: what is being typed and looked at on this terminal.

    `texts` are newer than those of the engine. `offered` are the options below the field of kind `search` that has the
    cursor, the one at `offered_at` being marked. `own_password` is one that was made here, while it is to be seen.
    `following` is the title of the page to which Enter leads after a failed check.
    """

    now: datetime
    zone: tzinfo = UTC
    width: int = 61
    height: int = 22
    texts: Mapping[str, str] = field(default_factory=dict)
    cursor: str = ""
    with_advanced: bool = False
    offered: tuple[SetupOption, ...] = ()
    offered_at: int = 0
    own_password: str = ""
    following: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether each field has its help below it."""
        return self.width >= 90

    def text(self, each: SetupField) -> str:
        """Return what stands in a field."""
        return self.texts.get(each.key, each.text)


def text(*lines: Line | str) -> Page:
    """Return a page of lines alone."""
    return Page(tuple(each if isinstance(each, Line) else line(each) for each in lines))


def paragraphs(texts: Iterable[str], width: int, role: Role = Role.PLAIN) -> Page:
    """Return texts one below the other, each wrapped."""
    return Page(tuple(each for every in texts for each in wrapped(every, width, "", role) or [line()]))


def fields(shown: Sequence[SetupField], state: FormState) -> Page:
    """Return fields one below the other, each with its sentence if it is wrong."""
    grid = _Grid.of(shown, state.width)
    page = Page()
    for each in shown:
        page += _field(each, grid, state)
        page += Page(tuple(_below(each, grid, state)))
    return page


@dataclass(frozen=True, slots=True)
class _Grid:
    """The widths of labels, inputs and keys on a page."""

    label: int
    input: int
    key: int

    @classmethod
    def of(cls, shown: Iterable[SetupField], width: int) -> "_Grid":
        """Return the widths with which these fields fit: first wide inputs and whole keys, then air after labels."""
        longest, key = 0, 0
        for each in shown:
            longest, key = max(longest, columns(each.label) + 1), max(key, columns(each.key))
        widest = max(WIDEST, width // 2 - 6)
        label = max(next((each for each in LABELS if width - each - key - _AROUND >= widest), LABELS[-1]), longest)
        room = min(max(width - label - key - _AROUND, NARROWEST), widest)
        return cls(label, room, width - label - room - _AROUND)


def _field(each: SetupField, grid: _Grid, state: FormState) -> Page:
    label, mark = fitted(each.label, grid.label), _mark(each, state)
    behind = (Span(mark, MARKS.get(mark, Role.PLAIN)), Span(" " + cut(each.key, grid.key), Role.MUTED))
    if each.kind not in ("flag", "choice"):
        around = Role.KEY if each.key == state.cursor else Role.MUTED
        here = (Span("[", around), _content(each, grid.input, state), Span("]", around))
        place = InputPlace(each.key, 0, columns(label) + 1, grid.input)
        return Page((line(Span(label, Role.MUTED), *here, *behind),), (place,))
    parts = _choice(each, state.text(each), grid.input + 2)
    gap = " " * (grid.input + 2 - sum(columns(part.text) for part in parts))
    return text(line(Span(label, Role.MUTED), *parts, gap, *behind, key=each.key))


def _content(each: SetupField, width: int, state: FormState) -> Span:
    """Return what stands in a field, or what holds while it is empty."""
    if each.secret is not None:
        typed = state.texts.get(each.key, "")
        return Span(fitted(HIDDEN * len(typed) or hint(each), width), Role.FIELD)
    entered = state.text(each)
    shown = entered or hint(each)
    return Span(fitted(shown, width), Role.FIELD if entered else Role.HINT)


def hint(each: SetupField) -> str:
    """Return what an empty field shows: what holds without an answer."""
    if each.secret is None:
        return each.placeholder
    known = STORED if each.secret.place in ("set-up", "store") else f"({each.secret.place})"
    return known if each.secret.is_known else ""


def _mark(each: SetupField, state: FormState) -> str:
    if state.text(each) != each.text:
        return " "
    return "✗" if is_wrong(each) else "✓" if each.is_well else " "


def is_wrong(each: SetupField) -> bool:
    """Return whether something is wrong with the answer to a field; without one it is only missing."""
    return each.problem is not None and not each.is_needed


def _choice(each: SetupField, chosen: str, room: int) -> list[Span]:
    """Return the values of a choice if they fit, else the one that is chosen."""
    if each.kind == "flag":
        return [Span("[x]" if (chosen or each.placeholder) == "true" else "[ ]")]
    chosen = chosen or each.placeholder
    parts = [Span(f"{radio(option.value == chosen)} {option.label}  ") for option in each.options]
    if sum(columns(part.text) for part in parts) <= room:
        return parts
    label = next((option.label for option in each.options if option.value == chosen), chosen)
    return [Span("◂ ", Role.KEY), Span(cut(label, room - 4)), Span(" ▸", Role.KEY)]


def radio(is_chosen: bool) -> str:
    """Return the sign of one of several options."""
    return "(•)" if is_chosen else "( )"


def _below(each: SetupField, grid: _Grid, state: FormState) -> Iterator[Line]:
    """Yield what is below a field: what is wrong, the options offered, and its help if there is room."""
    indent = " " * grid.label
    is_searched = each.kind == "search" and each.key == state.cursor and state.offered
    if is_wrong(each) and state.text(each) == each.text and not is_searched:
        yield from marked("✗", _sentence(each), state.width, indent, most=3)
        if each.problem is not None and each.problem.remedy:
            yield from marked("→", each.problem.remedy, state.width, indent, most=3 if each.fixes else 4)
    if each.kind == "search" and each.key == state.cursor:
        width = max((columns(option.label) for option in state.offered), default=0)
        for place, option in enumerate(state.offered):
            mark = Span("▸ ", Role.KEY) if place == state.offered_at else Span("  ")
            remark = f"   {option.remark}" if option.remark else ""
            yield line(indent + "  ", mark, fitted(option.label, max(width, 16)), Span(remark, Role.MUTED))
    if state.is_wide:
        yield from wrapped(each.help, state.width, indent + " ", Role.MUTED)
        yield line()


def _sentence(each: SetupField) -> str:
    if each.problem is None:
        return ""
    reason = each.problem.reason
    said = reason if reason[:1].isupper() else f"{each.label} {reason}"
    return said + ("" if said.endswith(".") else ".")


def marked(mark: str, sentence: str, width: int, indent: str = "", most: int | None = None) -> Iterator[Line]:
    """Yield a sentence behind a mark, in at most `most` lines; further ones are indented below the first."""
    role = MARKS.get(mark, Role.PLAIN)
    for number, each in enumerate(wrapped(sentence, width - 1, indent + "  ", role, most=most)):
        yield each if number else line(indent, Span(f"{mark} {each.text[len(indent) + 2 :]}", role))
