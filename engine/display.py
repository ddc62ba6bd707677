"""Makes text from outside safe to display: on a terminal, in a log line, and where only ASCII is available.

Names, subjects, texts of servers and settings may hold anything. Everything that a person sees passes through
`visible`; what is sent to programs (JSON) stays as it is.
"""

import os
import platform
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]")
"""Characters with Default_Ignorable_Code_Point (Unicode Standard Annex 44) that no general category covers."""

_HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Controls, format characters (bidirectional, zero width), lone surrogates, line and paragraph separators."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class _Signs:
    """Replacement for each character, as a table for `str.translate`."""

    def __getitem__(self, code: int) -> str:
        letter = chr(code)
        harmful = unicodedata.category(letter) in _HARMFUL or _UNSEEN.match(letter) is not None
        return _CONTROL_PICTURES.get(code, _REPLACEMENT) if harmful else letter


_SIGNS = _Signs()


def visible(text: str) -> str:
    """Return `text` with the same number of characters, none of which affects a terminal or a log.

    Characters that would move the cursor, change colours, begin a line, hide, or change the direction are replaced by
    visible signs.
    """
    if text.isprintable() and (text.isascii() or _UNSEEN.search(text) is None):
        return text
    return text.translate(_SIGNS)


def one_line(text: str, longest: int) -> str:
    """Return at most `longest` characters of a peer's text, made `visible`, for a status or a log line."""
    return visible(text[:longest].strip())


def visible_lines(text: str) -> str:
    """Return a text of several lines for a file or a clipboard: like `visible`, but keeps line breaks and tabs."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n"))


def counted(number: int, what: str, many: str = "") -> str:
    """Return a number with its noun, in the singular if the number is one."""
    return f"{number:,} {what if number == 1 else many or f'{what}s'}"


def displayed(data: T) -> T:
    """Return data of the API with every text in it made `visible`; the same object if nothing changes."""
    return _displayed(data)  # type: ignore[no-any-return]


def _displayed(data: Any) -> Any:
    match data:
        case str() if type(data) is str:
            return visible(data)
        case msgspec.Struct():
            return _struct(data)
        case tuple() | list():
            return type(data)(map(_displayed, data))
        case dict():
            return {visible(key) if isinstance(key, str) else key: _displayed(value) for key, value in data.items()}
        case _:
            return data


def _struct(data: msgspec.Struct) -> msgspec.Struct:
    changed = {}
    for name in data.__struct_fields__:
        before = getattr(data, name)
        after = _displayed(before)
        if after is not before and after != before:
            changed[name] = after
    return msgspec.structs.replace(data, **changed) if changed else data


SIGNS = {
    "○": "A",
    "●": "B",
    "◐": "W",
    "⊘": "D",
    "·": ".",
    "✓": "+",
    "✗": "X",
    "←": "<",
    "…": "~",
    "–": "-",
    "—": "-",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "▸": ">",
    "▷": ">",
    "›": ">",
    "→": ">",
    "▶": ">",
    "◂": "<",
    "◀": "<",
    "⏎": "\\",
    "•": "*",
    "×": "x",
    "│": "|",
    "╭": ".",
    "╮": ".",
    "╰": "'",
    "╯": "'",
    "─": "-",
    "┊": ":",
    "↑": "^",
    "↓": "v",
    "▼": "v",
    "▲": "^",
    "▐": "[",
    "█": "#",
    "▓": "=",
    "▒": "%",
    "░": ".",
    "▏": "|",
    "▁": ".",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
}
"""ASCII replacements of the same width, by use: activities, marks, punctuation, lines, bars from light to dark."""


_LETTERS = {"ß": "s", "æ": "a", "Æ": "A", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
"""Letters that are not made of another one and an accent."""


def ascii_letter(letter: str) -> str:
    """Return the nearest ASCII character, or a question mark if there is none."""
    known = SIGNS.get(letter) or _LETTERS.get(letter)
    if known is not None:
        return known
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isascii() and base.isprintable() else "?"


def ascii_errors(error: UnicodeError) -> tuple[str, int]:
    """Error handler that replaces what an encoding lacks (see `codecs.register_error`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_letter, error.object[error.start : error.end])), error.end


NEAREST = "calendar-engine-nearest"
"""The name under which `ascii_errors` is registered with `codecs`."""


def is_ascii_locale(environment: Mapping[str, str], *, utf8_mode: bool) -> bool:
    """Return whether the locale is C or POSIX (locale(7)), which has only ASCII.

    In such a locale Python itself writes UTF-8 (PEP 540) and sets LC_CTYPE to C.UTF-8 (PEP 538); `utf8_mode` is whether
    it does, and PYTHONUTF8 says that it is wanted.
    """
    if "PYTHONUTF8" in environment or "PYTHONIOENCODING" in environment:
        return False
    kind = environment.get("LC_CTYPE", "")
    if utf8_mode and kind.lower() in ("c.utf-8", "c.utf8", "utf-8"):
        kind = ""
    return (environment.get("LC_ALL") or kind or environment.get("LANG")) in ("C", "POSIX")


def operating_system() -> str:
    """Return the kernel, the machine and the C library, without starting a process as `platform.platform` may."""
    kernel = os.uname()
    return f"{kernel.sysname}-{kernel.release}-{kernel.machine}-with-{''.join(platform.libc_ver())}"
