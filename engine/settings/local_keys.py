"""Tells the settings that belong to one machine from those that several engines share, and puts both together."""

import re
from collections.abc import Callable
from typing import Any

import tomlkit

from engine.core import bounded
from engine.settings.editor import SettingsNotEditable, edited
from engine.settings.keys import KEYS
from engine.settings.problems import SettingsInvalid
from engine.settings.reader import InvalidEntry, collect, dotted, leaves, problems_of, syntax_problem

_LOCAL = (
    "cluster.",
    "engine.state_dir",
    "engine.socket",
    "engine.metrics_port",
    "pbx.listen_",
    "pbx.certificate",
    "pbx.ca_file",
    "exchange.certificate",
)
"""How the names of these keys begin: what the others have is no use here, and what is here no use to them."""


def is_local(key: str) -> bool:
    """Return whether a key, or a table, belongs to one machine; the others are the same for engines of a cluster."""
    return f"{key}.".startswith(_LOCAL)


def local_part(text: str) -> str:
    """Return a settings file without what engines share; all other bytes stay. Raises `SettingsNotEditable`."""
    return _without(text, lambda key: not is_local(key))


def shared_part(text: str) -> str:
    """Return a settings file without what belongs to a machine; all other bytes stay. Raises `SettingsNotEditable`."""
    return _without(text, is_local)


def combined(local: str, shared: str) -> str:
    """Return a text with the local keys of one and the shared keys of another text, without comments.

    A text that is not TOML gives nothing.
    """
    document: dict[str, Any] = {}
    for text, is_wanted in ((shared, lambda key: not is_local(key)), (local, is_local)):
        for path, value in leaves(_parsed(text)):
            if is_wanted(dotted(path)):
                *tables, name = map(str, path)
                table = document
                for step in tables:
                    table = table.setdefault(step, {})
                table[name] = value
    return tomlkit.dumps(document)


def whole_text(local: str, shared: str) -> str:
    """Return the settings file of an engine that works alone: the shared text with its comments, and in it the keys of
    this machine but those of the cluster."""
    own = {dotted(path): value for path, value in leaves(_parsed(local))}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
    changes = {key: value for key, value in values.items() if is_local(key) and not _is_of_cluster(key)}
    try:
        return without_cluster(edited(shared, changes))
    except SettingsNotEditable:
        return combined(without_cluster(local), shared)


def without_cluster(text: str) -> str:
    """Return a settings file without the table of the cluster; all other bytes stay. Raises `SettingsNotEditable`."""
    kept = _without(text, _is_of_cluster)
    without_head = _EMPTY.sub("", kept)
    return without_head if _parsed(kept) == {**_parsed(without_head), "cluster": {}} else kept


def check_local_file(text: str, source: str) -> None:
    """Raise `SettingsInvalid` if the file of an engine that shares its settings has mistakes, or a shared key.

    What the other settings make of its values is not checked.
    """
    try:
        document = bounded.toml(text)
    except bounded.NotReadable as error:
        raise SettingsInvalid(source, (syntax_problem(text, error),)) from None
    shared = {path: dotted(path) for path, _ in leaves(document) if dotted(path) in KEYS and not is_local(dotted(path))}
    findings = [each for each in collect(document).findings if each.key not in shared.values()]
    findings += (
        InvalidEntry(path, "is the same for all engines, and not read from this file", _SET.format(key))
        for path, key in shared.items()
    )
    if findings:
        raise SettingsInvalid(source, problems_of(text, findings))


_EMPTY = re.compile(r"^\[cluster\][ \t]*(?:#.*)?\n\s*(?=\[|\Z)", re.MULTILINE)
"""The head of that table with nothing in it, not even a comment."""

_SET = "Remove it here, as calendar-engine cluster join does; calendar-engine config set {} changes it for all."


def _is_of_cluster(key: str) -> bool:
    return key.startswith("cluster.")


def _without(text: str, is_unwanted: Callable[[str], bool]) -> str:
    names = (".".join(map(str, path)) for path, _ in leaves(_parsed(text)) if is_unwanted(dotted(path)))
    return edited(text, dict.fromkeys(names))


def _parsed(text: str) -> dict[str, Any]:
    try:
        return bounded.toml(text)
    except bounded.NotReadable:
        return {}
