"""Line numbers of the tables, keys and entries of a settings file, found in one pass over valid TOML."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress

KeyPath = tuple[str | int, ...]

_GAP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' r"|'''(?:[^']|'(?!''))*'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}\n#]+")


def line_of(text: str, path: KeyPath) -> int | None:
    """Return the line, from 1, on which the value at `path`, or else its nearest enclosing table, starts.

    An element of `path` is a key, or the index of an entry in a list. None if the file has neither.
    """
    return nearest_line(lines_of(text), path)


def nearest_line(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of the value at `path`, or else of its nearest enclosing table."""
    return next((lines[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in lines), None)


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line of every table, key and entry, up to the first syntax error if there is one."""
    scan = _Scan(text)
    with suppress(AttributeError, IndexError, ValueError, RecursionError):  # a pattern does not match: not TOML
        scan.document()
    return scan.lines


class _Scan:
    """Scanner that reads keys and skips values."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._entries: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self._next():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        begin, is_list = self._at, self._text.startswith("[[", self._at)
        self._at += 1 + is_list
        *above, last = self._key()
        self._at = self._text.index("]", self._at) + 1 + is_list
        path = self._resolved((), above)
        for depth in range(1, len(path) + 1):
            self._begin(path[:depth], begin)
        path = (*path, last)
        if not is_list:
            self.lines[path] = self._line(begin)
            return path
        self._begin(path, begin)
        self._entries[path] = self._entries.get(path, -1) + 1
        path = (*path, self._entries[path])
        self._begin(path, begin)
        return path

    def _resolved(self, path: KeyPath, names: list[str]) -> KeyPath:
        """Return the full path of a table name, through the last entries of lists of tables."""
        for name in names:
            path = (*path, name)
            if path in self._entries:
                path = (*path, self._entries[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        begin, path = self._at, table
        for name in self._key():
            path = (*path, name)
            self._begin(path, begin)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._next()
        match self._text[self._at]:
            case "[":
                self._list(path)
            case "{":
                self._at += 1
                while self._next(",") and self._text[self._at] != "}":
                    self._pair(path)
                self._at += 1
            case '"' | "'":
                self._pass(_STRING)
            case _:
                self._pass(_PLAIN)

    def _list(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while self._next(",") and self._text[self._at] != "]":
            self._begin((*path, index), self._at)
            self._value((*path, index))
            index += 1
        self._at += 1

    def _key(self) -> list[str]:
        names = []
        while True:
            self._next()
            quoted = self._text[self._at] in "\"'"
            name = self._pass(_STRING if quoted else _BARE_KEY)
            names.append(next(iter(tomllib.loads(f"{name} = 0"))) if quoted else name)
            self._next()
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _next(self, also: str = "") -> bool:
        """Skip blanks, comments and the characters in `also`; return whether text is left."""
        while True:
            self._pass(_GAP)
            if not (also and self._text.startswith(also, self._at)):
                return self._at < len(self._text)
            self._at += 1

    def _pass(self, pattern: re.Pattern[str]) -> str:
        """Return the match of a pattern here and move past it. Raises AttributeError if there is none."""
        found = pattern.match(self._text, self._at)
        self._at = found.end()  # type: ignore[union-attr]
        return found[0]  # type: ignore[index]

    def _begin(self, path: KeyPath, at: int) -> None:
        self.lines.setdefault(path, self._line(at))

    def _line(self, at: int) -> int:
        return bisect_right(self._ends, at - 1) + 1
