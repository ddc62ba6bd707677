"""From a parsed TOML document to the values of known keys, and what is wrong with the rest, in one pass."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from engine.core.settings.keys import KEYS, TABLES, Key
from engine.core.settings.lines import KeyPath
from engine.core.settings.values import NOT_AVAILABLE, Refusal, did_you_mean, kind, nearest

WELL_TOLD = 100
"""For so many findings it is looked for what may have been meant, which takes its time."""

_SECRET = re.compile("passw|secret|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with what is, or should be, at `path` in the document."""

    path: KeyPath
    reason: str
    remedy: str

    @property
    def key(self) -> str:
        """Return the dotted key, without the index of an entry."""
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class Collected:
    """The parsed `values` by dotted key, and the `findings` about all that has none."""

    values: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def concerned(self, name: str) -> bool:
        """Tell whether something was found wrong with a key, or with a table that it is in."""
        return any(name == finding.key or name.startswith(f"{finding.key}.") for finding in self.findings)


def collect(document: Mapping[str, Any]) -> Collected:
    """Read all of a document; every value that is not in `values` has a finding."""
    collected = Collected()
    for path, value in leaves(document):
        name = dotted(path)
        if name in KEYS and not isinstance(value, dict):
            result, findings = _read(KEYS[name], path, value)
            if findings:
                collected.findings.extend(findings)
            else:
                collected.values[name] = result
        else:
            in_short = Finding(path, "is unknown", "Remove it.")
            collected.findings.append(_unknown(path, value) if len(collected.findings) < WELL_TOLD else in_short)
    return collected


def dotted(path: KeyPath) -> str:
    """Write a path as TOML does, entries of lists left out."""
    steps = [step for step in path if isinstance(step, str)]
    return ".".join(step if re.fullmatch(r"[\w-]+", step) else json.dumps(step, ensure_ascii=False) for step in steps)


def leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield what is set in a document, with where that is; `path` is where `table` is."""
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and dotted(here) in TABLES:
            yield from leaves(value, here)
        else:
            yield here, value


def _read(key: Key, path: KeyPath, value: object) -> tuple[Any, list[Finding]]:
    if not key.many:
        result = key.parse(value)
        places = [(path, result)]
    elif isinstance(value, list):
        result = tuple(key.parse(entry) for entry in value)
        places = [((*path, index), entry) for index, entry in enumerate(result)]
    else:
        result = Refusal(f"must be a list of texts, not {kind(value)}", 'Write a list like ["a", "b"].')
        places = [(path, result)]
    refused = ((place, each) for place, each in places if isinstance(each, Refusal))
    findings = [
        Finding(place, f"{_entry(place)}{each.reason}", each.remedy) for place, each in islice(refused, WELL_TOLD)
    ]
    if not key.available and (findings or result != key.default):
        remedy = "Remove it." if key.default is None else "Remove it, or keep the default."
        return result, [Finding(path, NOT_AVAILABLE, remedy)]
    return result, findings


def _entry(place: KeyPath) -> str:
    index = place[-1]
    return f"(entry {index + 1}) " if isinstance(index, int) else ""


def _unknown(path: KeyPath, value: object) -> Finding:
    name = dotted(path)
    if name in TABLES:
        return Finding(path, f"must be a table, not {kind(value)}", f"Write [{name}], once and with single brackets.")
    if name in KEYS:
        return Finding(path, "must be a value, not a table", f"Write {path[-1]} = …")
    if isinstance(value, dict):
        remedy = did_you_mean(nearest(name, TABLES), otherwise=f"The tables are {', '.join(sorted(TABLES))}.")
        return Finding(path, "is no table of the settings", remedy)
    if _SECRET.search(str(path[-1])):
        return Finding(path, "would be a secret, and secrets are never in this file", "Move it to the secrets file.")
    return Finding(path, "is no key of the settings", did_you_mean(_nearest_key(path), otherwise=_overview(path)))


def _nearest_key(path: KeyPath) -> str | None:
    """Find a key of that very name in any table, else one like it in the same table, else one like it anywhere."""
    table, name = dotted(path[:-1]), str(path[-1])
    known = [each.rpartition(".") for each, key in KEYS.items() if key.available]
    siblings = [each for each in known if each[0] == table]
    for keys, cutoff in ((known, 1.0), (siblings, 0.7), (known, 0.7)):
        match = nearest(name, [leaf for _, _, leaf in keys], cutoff)
        if match:
            return nearest(dotted(path), ["".join(each) for each in keys if each[2] == match], cutoff=0.0)
    return None


def _overview(path: KeyPath) -> str:
    table = dotted(path[:-1])
    siblings = [
        name.rpartition(".")[2] for name, key in KEYS.items() if key.available and name.rpartition(".")[0] == table
    ]
    return f"The keys of [{table}] are {', '.join(siblings)}." if siblings else "Remove it."
