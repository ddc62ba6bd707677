"""On which line of a settings file something is, found the way the file would be edited."""

from typing import Any

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

KeyPath = tuple[str | int, ...]
_MARK = "\N{REPLACEMENT CHARACTER}here\N{REPLACEMENT CHARACTER}"


def line_of(text: str, path: KeyPath) -> int | None:
    """Return the line, from 1, that the value at `path` begins on, or else the nearest table around it.

    A step of `path` is a key, or the index of an entry in a list. None where the file has neither. tomlkit keeps no
    positions, but renders a document as it was but for what is changed: so a mark is put in the place in question,
    and looked for in the rendering.
    """
    for depth in range(len(path), 0, -1):
        try:
            line = _line_at(text, path[:depth])
        except (TOMLKitError, LookupError):
            continue
        if line is not None:
            return line
    return None


def _line_at(text: str, path: KeyPath) -> int | None:
    document = tomlkit.parse(text)
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    target = parent[path[-1]]
    if isinstance(target, Table):
        target.comment(_MARK)
    elif not isinstance(target, AoT | OutOfOrderTableProxy):
        parent[path[-1]] = _MARK
    before, found, _ = tomlkit.dumps(document).partition(_MARK)
    if found:
        return before.count("\n") + 1
    first = 0 if isinstance(target, AoT) else next(iter(target))  # a table without a header is where its contents are
    return _line_at(text, (*path, first))
