"""Parses untrusted TOML and JSON within limits of size, depth and time, with a single exception type.

The standard parsers raise RecursionError on nested brackets, and accept integers too large to be printed.
"""

import re
import tomllib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LARGEST = 256 * 1024
"""Maximum characters of TOML; a settings file with all comments has a tenth of that."""

DEEPEST = 32
"""Maximum nesting of tables and lists."""

MOST_PARTS = 64
"""Maximum parts of a dotted name; tomllib's time grows with their square."""

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w.-])(?:{_PART}){{{MOST_PARTS}}}")

LARGEST_NUMBER = 2**63
"""TOML integers have 64 bits (toml.io, v1.0.0, Integer)."""


class NotReadable(ValueError):
    """The text is not TOML or JSON, or exceeds a limit; the message says why, and where in the form of tomllib."""


class OutOfBounds(NotReadable):
    """The text is longer, deeper or larger than any legitimate one."""


def toml(text: str) -> dict[str, Any]:
    """Parse a TOML document. Raises `NotReadable`."""
    if len(text) > LARGEST:
        raise OutOfBounds(f"it is longer than {LARGEST // 1024} kB")
    if _LONG_KEY.search(text):
        raise OutOfBounds(f"a name has more than {MOST_PARTS} parts")
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise OutOfBounds(f"brackets are nested more than {DEEPEST} deep") from None
    except ValueError as error:
        raise NotReadable(str(error)) from None
    _check(document)
    return document


def json(data: bytes | str, kind: type[T]) -> T:
    """Parse JSON as the given type. Raises `NotReadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise OutOfBounds("brackets are nested too deep") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotReadable(str(error)) from None


def _check(document: dict[str, Any]) -> None:
    """Check all values without recursion."""
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for each in level:
            below += each.values() if isinstance(each, dict) else each
        if any(isinstance(each, int) and not -LARGEST_NUMBER <= each < LARGEST_NUMBER for each in below):
            raise OutOfBounds("a number has more than 64 bits")
        level = [each for each in below if isinstance(each, dict | list)]
        if not level:
            return
    raise OutOfBounds(f"brackets are nested more than {DEEPEST} deep")
