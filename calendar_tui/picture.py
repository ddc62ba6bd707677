"""What the terminal shows, cell by cell, and a driver that writes only what differs from it."""

import re
import threading

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from calendar_tui.pen import Pen
from engine.documents.columns import columns

_TOKENS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[\d;]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<line>\r?\n)"
    r"|(?P<mode>\x1b\[[?<=>][\x20-\x3f]*[\x40-\x7e]|\x1b\].*?(?:\x07|\x1b\\)|\x1b\[\d* q|\x07)"
    r"|(?P<other>\x1b\[[\x20-\x3f]*[\x40-\x7e]|.)",
    re.DOTALL,
)
"""What a program writes: moves, styles, text, ends of lines, codes that change nothing of the picture, and the rest."""

_OTHER_SCREEN = "\x1b[?1049"

SHORT = 4
"""At most so many cells between two changes are written again: to move over them takes as many bytes."""

DEFAULT_PEN = "\x1b[m"

Cell = tuple[str, Pen]


class Picture:
    """What a terminal of this size shows, as far as it is known.

    A letter whose width is not one column is written as it comes, with the rest of its row: terminals do not agree on
    such widths, and what is behind it then is unknown. After a code that this module does not know, everything is.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._cells: list[list[Cell | None]] = []
        self._place: tuple[int, int] | None = None
        self._cursor: tuple[int, int] | None = None
        self._wanted = self._pen = Pen()
        self._forget()

    def changes(self, data: str) -> str:
        """Return what has to be written for the terminal to show what `data` would make it show."""
        out: list[str] = []
        for token in _TOKENS.finditer(data):
            match token.lastgroup:
                case "column":
                    row, column = int(token["row"]) - 1, int(token["column"]) - 1
                    self._place = min(row, self._height - 1), min(column, self._width - 1)
                case "style":
                    self._wanted = self._wanted.after(token["style"])
                case "text":
                    self._write(token["text"], out)
                case "line" if self._place is not None and self._place[0] < self._height - 1:
                    self._place = self._place[0] + 1, 0
                case "mode":
                    out.append(token[0])
                    if token[0].startswith(_OTHER_SCREEN):
                        self._forget()
                case _:
                    self._pass_on(token[0], out)
                    self._forget()
        if self._place is not None and self._cursor != self._place:
            out.append(self._move(*self._place))
            self._cursor = self._place
        return "".join(out)

    def _forget(self) -> None:
        self._cells = [[None] * self._width for _ in range(self._height)]
        self._place = self._cursor = None

    def _write(self, text: str, out: list[str]) -> None:
        """Write a text where the cursor is to be; nothing that is there already."""
        if self._place is None:
            self._pass_on(text, out)
            return
        row, column = self._place
        cells, pen, on_blanks = self._cells[row], self._wanted, self._wanted.on_blanks
        simple = min(_of_one_column(text), self._width - column)
        for letter in text[:simple]:
            cell = (letter, on_blanks if letter == " " else pen)
            if cells[column] != cell:
                self._put(row, column, cell, out)
            column += 1
        self._place = row, min(column, self._width - 1)
        if simple < len(text):
            self._pass_on(text[simple:], out)
            known = max(0, self._place[1] - 1)
            cells[known:] = [None] * (self._width - known)
            self._place = None

    def _put(self, row: int, column: int, cell: Cell, out: list[str]) -> None:
        letter, pen = cell
        if self._cursor != (row, column):
            out.append(self._move(row, column))
        if (self._pen.on_blanks if letter == " " else self._pen) != pen:
            out.append(pen.from_(self._pen))
            self._pen = pen
        out.append(letter)
        self._cells[row][column] = cell
        self._cursor = (row, column + 1) if column + 1 < self._width else None

    def _move(self, row: int, column: int) -> str:
        """Return the shortest way to a cell from where the cursor is."""
        if self._cursor is None or self._cursor[0] != row or self._cursor[1] >= column:
            return f"\x1b[{row + 1};{column + 1}H"
        between = [
            cell for cell in self._cells[row][self._cursor[1] : column] if cell is not None and self._is_at_hand(cell)
        ]
        distance = column - self._cursor[1]
        if len(between) == distance <= SHORT:
            return "".join(letter for letter, _ in between)
        return f"\x1b[{distance if distance > 1 else ''}C"

    def _is_at_hand(self, cell: Cell) -> bool:
        """Return whether a cell can be written with the pen as it is."""
        return (self._pen.on_blanks if cell[0] == " " else self._pen) == cell[1]

    def _pass_on(self, text: str, out: list[str]) -> None:
        """Write something as it is, where the cursor is to be and with the pen that is wanted."""
        if self._place is not None and self._cursor != self._place:
            out.append(self._move(*self._place))
        out += [self._wanted.from_(self._pen), text]
        self._pen, self._cursor = self._wanted, None


def _of_one_column(text: str) -> int:
    """Return how many letters at the beginning take a column each, without the one that a mark follows."""
    if text.isascii():
        return len(text)
    wide = next((place for place, letter in enumerate(text) if columns(letter) != 1), len(text))
    return wide - 1 if 0 < wide < len(text) and not columns(text[wide]) else wide


class FrugalDriver(LinuxDriver):
    """The driver of Textual; it writes neither what the terminal shows already, nor codes that are in force."""

    _picture: Picture
    _is_known: bool
    _writing: threading.Lock

    def start_application_mode(self) -> None:
        """Begin with nothing known of the terminal."""
        self._writing = threading.Lock()
        self.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """Write everything again that is drawn from now on, whatever the terminal shows."""
        self._is_known = False

    def write(self, data: str) -> None:
        """Write what changes the picture."""
        with self._writing:  # the thread that reads keys writes too
            if self._is_known:
                super().write(self._picture.changes(data))
                return
            self._picture, self._is_known = Picture(*super()._get_terminal_size()), True
            super().write(f"{DEFAULT_PEN}{self._picture.changes(data)}")

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the size, for an event that tells of another one."""
        self.forget()
        return super()._get_terminal_size()

    def process_message(self, message: Message) -> None:
        """Pass on what the terminal tells; it may tell of another size."""
        if isinstance(message, events.Resize):
            self.forget()
        super().process_message(message)

    def stop_application_mode(self) -> None:
        """Leave the terminal with its own pen."""
        super().write(DEFAULT_PEN)
        super().stop_application_mode()
