"""Reads TOML and JSON that somebody else has written: within bounds of size, depth and time, and with one failure.

The parsers themselves end with RecursionError where brackets are nested, and let numbers through that no other part
of a program can print.
"""

import re
import tomllib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LARGEST = 256 * 1024
"""Characters of TOML; a settings file with all comments has a tenth of that."""

DEEPEST = 32
"""Tables and lists within each other."""

MOST_PARTS = 64
"""Of a dotted name; tomllib takes the square of their number."""

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w.-])(?:{_PART}){{{MOST_PARTS}}}")

LARGEST_NUMBER = 2**63
"""TOML has whole numbers of 64 bits (toml.io, v1.0.0, Integer)."""


class NotReadable(ValueError):
    """It is not TOML or not JSON, or out of bounds; the text says why, and where as tomllib does."""


class OutOfBounds(NotReadable):
    """It is longer, deeper or larger than anything that is meant."""


def toml(text: str) -> dict[str, Any]:
    """Return a TOML document. Raises `NotReadable`."""
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
    """Return JSON as the type that it has to be. Raises `NotReadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise OutOfBounds("brackets are nested too deep") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotReadable(str(error)) from None


def _check(document: dict[str, Any]) -> None:
    """Look at everything without recursion."""
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
