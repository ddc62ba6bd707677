"""Reads TOML and JSON that somebody else has written: within bounds of size, depth and time, and with one failure.

The parsers themselves end with RecursionError where brackets are nested, and let numbers through that no other part
of a program can print.
"""

import tomllib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LARGEST = 256 * 1024
"""Characters of TOML; a settings file with all comments has a tenth of that."""

DEEPEST = 32
"""Tables and lists within each other."""

LARGEST_NUMBER = 2**63
"""TOML has whole numbers of 64 bits (toml.io, v1.0.0, Integer)."""


class NotReadable(ValueError):
    """It is not TOML or not JSON, or out of bounds; the text says why, and where as tomllib does."""


def toml(text: str) -> dict[str, Any]:
    """Return a TOML document. Raises `NotReadable`."""
    if len(text) > LARGEST:
        raise NotReadable(f"it is longer than {LARGEST // 1024} kB")
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise NotReadable(f"brackets are nested more than {DEEPEST} deep") from None
    except ValueError as error:
        raise NotReadable(str(error)) from None
    _check(document)
    return document


def json(data: bytes | str, kind: type[T]) -> T:
    """Return JSON as the type that it has to be. Raises `NotReadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise NotReadable("brackets are nested too deep") from None
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
            raise NotReadable("a number has more than 64 bits")
        level = [each for each in below if isinstance(each, dict | list)]
        if not level:
            return
    raise NotReadable(f"brackets are nested more than {DEEPEST} deep")
