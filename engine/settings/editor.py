"""Edits single values in the text of a settings file, leaving every other byte unchanged."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine.core import bounded
from engine.core.errors import Failure, Fault, Scope
from engine.settings.reader import dotted

SettingValue = bool | int | float | str | tuple[str, ...]
Path = tuple[str, ...]

_NEXT_HEADER = re.compile(r"\s*\[")


class SettingsNotEditable(Failure):
    """The text is not TOML, or a value cannot be inserted without changing others."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file cannot be changed by the engine"
    remedy = "Correct the file by hand, or go back to an earlier version; see calendar-engine config history."


def edited(text: str, changes: Mapping[str, SettingValue | None]) -> str:
    """Return `text` with new values for these dotted keys; None removes a key, so that its default applies.

    Comments, order and all other values stay. The result is checked only to be TOML with exactly these values.
    Raises `SettingsNotEditable`.
    """
    for name, value in changes.items():
        text = _with(text, tuple(name.split(".")), list(value) if isinstance(value, tuple) else value)
    return text


def _with(text: str, path: Path, value: Any) -> str:
    document = _parsed(text)
    if document is None:
        raise SettingsNotEditable("it is not TOML")
    wanted = _changed(document, path, value)
    if _same(wanted, document):
        return text
    for candidate in _candidates(text, document, path, value):
        if _same(_parsed(candidate), wanted):
            return candidate
    raise SettingsNotEditable(".".join(path))


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return bounded.toml(text)
    except bounded.NotReadable:
        return None


def _same(one: Any, other: Any) -> bool:
    """Compare values and types (== takes true for 1); an empty table equals a missing one."""
    first, second = (json.dumps(_filled(each), sort_keys=True, default=str) for each in (one, other))
    return first == second


def _filled(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _filled(each) for name, each in value.items()}
    return {name: each for name, each in inner.items() if each != {}}


def _changed(document: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(dict(document))
    parent = result
    for step in path[:-1]:
        inner = parent.get(step)
        if not isinstance(inner, dict):
            if value is None:
                return result
            inner = parent[step] = {}
        parent = inner
    if value is None:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value
    return result


def _candidates(text: str, document: Mapping[str, Any], path: Path, value: Any) -> Iterator[str]:
    """Yield candidate texts, the tidiest first; not all of them have the intended meaning."""
    taken = _taken(document, path)
    if value is None:
        yield from _without(text, path)
        return
    if taken == path:
        yield from _replaced(text, path, value)
    if taken is None:
        yield from _inserted(text, path, value)
        yield from _replaced(text, path, value)
        return
    for freed in _without(text, taken):
        yield from _inserted(freed, path, value)


def _taken(document: Mapping[str, Any], path: Path) -> Path | None:
    """Return the part of `path` that holds something the new value replaces."""
    inner: Any = document
    for depth, step in enumerate(path, start=1):
        if step not in inner:
            return None
        inner = inner[step]
        if not isinstance(inner, dict):
            return path[:depth]
    return path


def _replaced(text: str, path: Path, value: Any) -> Iterator[str]:
    try:
        document = tomlkit.parse(text)
        parent: Any = document
        for step in path[:-1]:
            if step not in parent:
                parent[step] = tomlkit.inline_table()
            parent = parent[step]
        parent[path[-1]] = value
        yield tomlkit.dumps(document)
    except (TOMLKitError, LookupError, TypeError, RecursionError):
        return


def _without(text: str, path: Path) -> Iterator[str]:
    try:
        document = tomlkit.parse(text)
        parent: Any = document
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        yield tomlkit.dumps(document)
    except (TOMLKitError, LookupError, TypeError, RecursionError):
        return


def _inserted(text: str, path: Path, value: Any) -> Iterator[str]:
    """Yield the text with a new line: below the comment that shows the key, else below the last key of its table."""
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    written = tomlkit.item(value).as_string()
    for depth in range(len(path) - 1, 0, -1):
        line = f"{dotted(path[depth:])} = {written}" + ending[:-1]
        for place in _places(lines, path[:depth], dotted(path[depth:])):
            yield "\n".join([*lines[:place], line, *lines[place:]])
    gap = ending if text.strip() else ""
    start = text if text.endswith("\n") or not text else text + ending
    yield f"{start}{gap}[{dotted(path[:-1])}]{ending}{path[-1]} = {written}{ending}"


def _places(lines: list[str], table: Path, key: str) -> Iterator[int]:
    """Yield the indices of the lines before which a key of `table` could be inserted."""
    steps = r"\s*\.\s*".join(map(re.escape, table))
    header = re.compile(rf"\s*\[\s*{steps}\s*\]\s*(#.*)?")
    shown = re.compile(rf"#\s*{re.escape(key)}\s*=")
    for number, line in enumerate(lines):
        if not header.fullmatch(line):
            continue
        last = number
        for index in range(number + 1, len(lines)):
            if _NEXT_HEADER.match(lines[index]):
                break
            if shown.match(lines[index]):
                yield index + 1
            if lines[index].strip() and not lines[index].lstrip().startswith("#"):
                last = index
        yield last + 1
