"""The page of what an appointment shows: kinds of appointments by presences, and today's notes with these answers."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from calendar_tui.documents.form_page import FormState, InputPlace, Page, fields, is_wrong, marked, radio, text
from calendar_tui.documents.setup_check import failed, running
from engine.api.schema.live import TodaysNote, TodaysNotes
from engine.api.schema.setup import SetupField, SetupPage
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, activity, fitted, line

MAPPING = "presence.mapping."
EXCEPTION, ORGANIZER = "presence.mapping.tentative_exception", "presence.tentative_exception_organizer"
SUBJECTS, FIRST, LAST = "presence.show_subject", "presence.priority_words", "presence.no_priority_words"

PRESENCES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"ignore": (20, 22), "available": (27, 30), "busy": (37, 37), "away": (43, 43), "dnd": (49, 49)}
)
"""What can be shown, with the columns of its name and of its mark."""

_WORDS = (15, 11)
"""Columns of the words that come first, and of those that come last."""

_NAME = 17
AROUND_NOTES = 6
"""Rows besides the grid and the notes: blanks, the title, the number of more notes, and two of help."""

MOST_NOTES = 12
"""Notes that are asked for, which is as many as there is room for on a large screen."""


def presence_page(page: SetupPage, notes: TodaysNotes | None, state: FormState) -> Page:
    """Return the grid, the words, and what today's appointments give with them."""
    by_key = {each.key: each for each in page.fields}
    body = text(_heads())
    for each in page.fields:
        if each.key.startswith(MAPPING):
            body += text(_row(each, state))
        if each.key == EXCEPTION and ORGANIZER in by_key:
            body += _organizer(by_key[ORGANIZER], state)
    body += _words(by_key, state)
    wrong = (each for each in page.fields if is_wrong(each) and state.text(each) == each.text)
    for each in wrong:
        reason = each.problem.reason if each.problem is not None else ""
        body += text(*marked("✗", f"{each.label}: {reason}.", state.width))
    if state.with_advanced:
        body += fields([each for each in page.fields if each.is_advanced], state)
    room = state.height - len(body.lines) - AROUND_NOTES
    return body + text(line(), *_notes(page, notes, state, max(room, 1)))


def _heads() -> Line:
    names = ""
    for name, (column, _) in PRESENCES.items():
        names = f"{names:<{column}}{name}"
    return line(Span(names, Role.TITLE))


def _row(each: SetupField, state: FormState) -> Line:
    """Return a kind of appointment with the presence that it shows."""
    chosen = state.text(each) or each.placeholder
    parts: list[Span] = []
    width = 0
    for presence, (_, column) in PRESENCES.items():
        if not parts:
            parts.append(Span(fitted(f"  {each.label}", column)))
            width = column
        mark = radio(presence == chosen)
        parts += [Span(" " * (column - width)), Span(mark, Role.PLAIN if presence == chosen else Role.MUTED)]
        width = column + len(mark)
    return line(*parts, key=each.key)


def _organizer(each: SetupField, state: FormState) -> Page:
    label = "      organizer "
    return _Row(state).says(label).asks(each, 27).page


class _Row:
    """A row with fields side by side, put together from the left."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self._spans: list[Span] = []
        self._places: list[InputPlace] = []

    def says(self, words: str) -> "_Row":
        """Add a label."""
        self._spans.append(Span(words, Role.MUTED))
        return self

    def asks(self, each: SetupField, room: int) -> "_Row":
        """Add a field of so many columns."""
        around = Role.KEY if each.key == self._state.cursor else Role.MUTED
        entered = self._state.text(each)
        self._places.append(InputPlace(each.key, 0, self._width + 1, room))
        shown = Span(fitted(entered or each.placeholder, room), Role.FIELD if entered else Role.HINT)
        self._spans += [Span("[", around), shown, Span("]", around)]
        return self

    def ticks(self, each: SetupField) -> "_Row":
        """Add a check mark with its label, and with the cursor before it."""
        is_set = (self._state.text(each) or each.placeholder) == "true"
        mark = Span("▸ ", Role.KEY) if each.key == self._state.cursor else Span("  ")
        self._places.append(InputPlace(each.key, 0, self._width, columns(each.label) + 6, typed=False))
        self._spans += [mark, Span(f"{each.label} "), Span("[x]" if is_set else "[ ]")]
        return self

    @property
    def _width(self) -> int:
        return sum(columns(each.text) for each in self._spans)

    @property
    def page(self) -> Page:
        """The row."""
        return Page((line(*self._spans),), tuple(self._places))


def _words(by_key: Mapping[str, SetupField], state: FormState) -> Page:
    """Return whether subjects are shown, and the words by which one of several appointments is chosen."""
    more = max(0, (state.width - 61) // 2)
    row = _Row(state)
    if SUBJECTS in by_key:
        row.ticks(by_key[SUBJECTS])
    if FIRST in by_key:
        row.says("   first ").asks(by_key[FIRST], _WORDS[0] + more)
    if LAST in by_key:
        row.says("  last ").asks(by_key[LAST], _WORDS[1] + more)
    return row.page


def _notes(page: SetupPage, notes: TodaysNotes | None, state: FormState, room: int) -> Iterator[Line]:
    """Yield today's notes with these answers, or why there are none."""
    if (check := running(page)) is not None:
        done = f"{check.operation.done:,} of {check.operation.total:,}" if check.operation.total else ""
        yield line(Span(f"… reading today's calendars {done}", Role.MUTED))
    elif notes is None or not notes.users:
        yield from _no_notes(page, state)
        return
    if notes is None or not notes.users:
        return
    differ = f"{counted(notes.differ, 'user')} differ{'s' if notes.differ == 1 else ''} from before"
    if not notes.differ:
        differ = f"{notes.showing:,} of {counted(notes.users, 'user')} show something"
    title = "Today's notes with this"
    yield line(Span(fitted(title, state.width - columns(differ)), Role.TITLE), Span(differ, Role.MUTED))
    zone = ZoneInfo(notes.timezone)
    for each in notes.notes[:room]:
        yield _note(each, state, zone)
    if not notes.notes:
        yield line(Span("  Nobody shows anything today.", Role.MUTED))
    elif notes.showing > room:
        yield line(Span(f"  … {notes.showing - room:,} more users", Role.MUTED))


def _no_notes(page: SetupPage, state: FormState) -> Iterator[Line]:
    ended = failed(page)
    if ended is not None:
        rung = next((each for each in ended.rungs if each.trouble is not None), None)
        said = rung.trouble.title if rung is not None and rung.trouble is not None else "They could not be read"
        yield from marked("!", f"No notes of today: {said}. ^R reads the calendars again.", state.width)
    else:
        yield line(Span("No calendar is read yet. ^R reads them, to show today's notes.", Role.MUTED))


def _note(note: TodaysNote, state: FormState, zone: tzinfo) -> Line:
    """Return what somebody shows first from now on."""
    at = "all day" if note.all_day else _time(note.begins or state.now, zone)
    sign = activity(note.presence.activity)
    private = "(private)" if note.private else ""
    room = state.width - 11 - _NAME - 2 - (columns(private) + 1 if private else 0)
    shown = fitted(note.presence.note or sign.text[2:].strip(), room)
    name = fitted(note.label, _NAME)
    role = Role.TITLE if note.before is not None else Role.PLAIN
    parts = (Span(f"  {at:<9}", Role.MUTED), Span(name, role), " ", sign._replace(text=sign.text[0]), f" {shown}")
    return line(*parts, Span(f" {private}" if private else "", Role.MUTED))


def _time(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%H:%M}"
