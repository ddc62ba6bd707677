"""Reads a settings file and reports all its problems at once."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from datetime import date
from itertools import islice
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from engine.core import bounded
from engine.core.presence.model import DEFAULT_MAPPING, AppointmentKind, PresenceSettings
from engine.core.users import UserFilter, UserSelection
from engine.settings.clouds import WORLDWIDE, cloud_of_graph, clouds_of_authority, graph_root, is_one_cloud
from engine.settings.corrections import Corrected, correction
from engine.settings.keys import KEYS, TABLES, Key
from engine.settings.lines import KeyPath, lines_of, nearest_line
from engine.settings.model import (
    CLOUD_EWS_END,
    ClusterSettings,
    DebugLogSettings,
    EngineSettings,
    ExchangeSettings,
    ExchangeType,
    Mode,
    PbxLinkKind,
    PbxSettings,
    ResolveWith,
    SiteSettings,
)
from engine.settings.parsers import InvalidValue, did_you_mean, kind, nearest
from engine.settings.problems import InvalidSetting, SettingsInvalid

WELL_TOLD = 100
"""Number of findings that get a suggestion of the intended name; finding one takes time."""

_SECRET = re.compile("passw|secret|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InvalidEntry:
    """A problem with the value that is, or should be, at `path` in the document; `instead` are the settings that are
    meant by it, if that is clear."""

    path: KeyPath
    reason: str
    remedy: str
    instead: Mapping[str, Corrected] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return the dotted key, without the index of an entry."""
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class ParseResult:
    """The parsed `values` by dotted key, and the `findings` about everything that could not be parsed."""

    values: dict[str, Any] = field(default_factory=dict)
    findings: list[InvalidEntry] = field(default_factory=list)

    def concerned(self, name: str) -> bool:
        """Return whether there is a finding about a key, or about a table that contains it."""
        return any(name == finding.key or name.startswith(f"{finding.key}.") for finding in self.findings)


def collect(document: Mapping[str, Any]) -> ParseResult:
    """Parse a whole document; every value that is not in `values` has a finding."""
    collected = ParseResult()
    for path, value in leaves(document):
        name = dotted(path)
        if name in KEYS and not isinstance(value, dict):
            result, findings = _read(KEYS[name], path, value)
            if findings:
                collected.findings.extend(findings)
            else:
                collected.values[name] = result
        else:
            in_short = InvalidEntry(path, "is unknown", "Remove it.")
            collected.findings.append(_unknown(path, value) if len(collected.findings) < WELL_TOLD else in_short)
    return collected


def dotted(path: KeyPath) -> str:
    """Return a path as TOML writes it, without the indices of list entries."""
    steps = [step for step in path if isinstance(step, str)]
    return ".".join(step if re.fullmatch(r"[\w-]+", step) else json.dumps(step, ensure_ascii=False) for step in steps)


def leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every value of a document with its path; `path` is that of `table`."""
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and dotted(here) in TABLES:
            yield from leaves(value, here)
        else:
            yield here, value


def _read(key: Key, path: KeyPath, value: object) -> tuple[Any, list[InvalidEntry]]:
    if not key.many:
        result = key.parse(value)
        places = [(path, result)]
    elif isinstance(value, list):
        result = tuple(key.parse(entry) for entry in value)
        places = [((*path, index), entry) for index, entry in enumerate(result)]
    else:
        result = InvalidValue(f"must be a list of texts, not {kind(value)}", 'Write a list like ["a", "b"].')
        places = [(path, result)]
    refused = ((place, each) for place, each in places if isinstance(each, InvalidValue))
    instead = correction(key.name, value) if isinstance(value, str) else None
    findings = [
        InvalidEntry(place, f"{_entry(place)}{each.reason}", each.remedy, instead or {})
        for place, each in islice(refused, WELL_TOLD)
    ]
    return result, findings


def _entry(place: KeyPath) -> str:
    index = place[-1]
    return f"(entry {index + 1}) " if isinstance(index, int) else ""


def _unknown(path: KeyPath, value: object) -> InvalidEntry:
    name = dotted(path)
    if name in TABLES:
        return InvalidEntry(
            path, f"must be a table, not {kind(value)}", f"Write [{name}], once and with single brackets."
        )
    if name in KEYS:
        return InvalidEntry(path, "must be a value, not a table", f"Write {path[-1]} = …")
    if isinstance(value, dict):
        remedy = did_you_mean(nearest(name, TABLES), otherwise=f"The tables are {', '.join(sorted(TABLES))}.")
        return InvalidEntry(path, "is not a table of the settings", remedy)
    if _SECRET.search(str(path[-1])):
        return InvalidEntry(path, "is a secret, and secrets never belong in this file", "Move it to the secrets file.")
    return InvalidEntry(
        path, "is not a key of the settings", did_you_mean(_nearest_key(path), otherwise=_overview(path))
    )


def _nearest_key(path: KeyPath) -> str | None:
    """Find a key of the same name in any table, else a similar one in the same table, else a similar one anywhere."""
    table, name = dotted(path[:-1]), str(path[-1])
    known = [each.rpartition(".") for each in KEYS]
    siblings = [each for each in known if each[0] == table]
    for keys, cutoff in ((known, 1.0), (siblings, 0.7), (known, 0.7)):
        match = nearest(name, [leaf for _, _, leaf in keys], cutoff)
        if match:
            return nearest(dotted(path), ["".join(each) for each in keys if each[2] == match], cutoff=0.0)
    return None


def _overview(path: KeyPath) -> str:
    table = dotted(path[:-1])
    siblings = [name.rpartition(".")[2] for name in KEYS if name.rpartition(".")[0] == table]
    return f"The keys of [{table}] are {', '.join(siblings)}." if siblings else "Remove it."


GRAPH_POLL_SECONDS = 30
"""Shortest interval for Microsoft Graph, whose every request counts towards the limits of the tenant."""

MOST_PROBLEMS = 50
"""Maximum number of problems reported at once."""


def read_settings(
    text: str, *, default_zone: ZoneInfo, source: str = "settings file", today: date | None = None
) -> SiteSettings:
    """Parse the text of a settings file; `default_zone` is the default of presence.timezone.

    If `today` is given, features that have ended by then are rejected. Raises `SettingsInvalid` with every problem
    of the text; `source` names the file in its message.
    """
    try:
        document = bounded.toml(text)
    except bounded.NotReadable as error:
        raise SettingsInvalid(source, (syntax_problem(text, error),)) from None
    collected = collect(document)
    findings = [
        *collected.findings,
        *_missing(collected),
        *_contradictions(collected),
        *_free_busy_contradictions(collected),
        *_graph_contradictions(collected),
        *_fingerprint_contradiction(collected),
        *_ended(collected, today),
    ]
    if findings:
        raise SettingsInvalid(source, problems_of(text, findings))
    return _build(collected.values, default_zone)


def read_as_far_as_valid(text: str, default_zone: ZoneInfo) -> SiteSettings:
    """Parse a settings file as far as it is valid, with defaults, or nothing, for everything else: for what can be
    checked while it is still being typed."""
    needed = {"pbx.master": "", "exchange.type": ExchangeType.ON_PREMISES}
    return _build(needed | _valid_values(text), default_zone)


def read_engine_settings(text: str) -> EngineSettings:
    """Parse the [engine] table as far as it is valid, whatever is wrong elsewhere: an engine that is not set up yet
    must be reachable."""
    return EngineSettings(**_part(_valid_values(text), "engine"))


def read_cluster_settings(text: str) -> ClusterSettings:
    """Parse the [cluster] table as far as it is valid, whatever is wrong elsewhere."""
    return ClusterSettings(**_part(_valid_values(text), "cluster"))


def _valid_values(text: str) -> dict[str, Any]:
    try:
        return collect(bounded.toml(text)).values
    except bounded.NotReadable:
        return {}


def problems_of(text: str, findings: Sequence[InvalidEntry]) -> tuple[InvalidSetting, ...]:
    """Return the problems in the order of the lines, at most `MOST_PROBLEMS` of them."""
    lines = lines_of(text)
    problems = [
        InvalidSetting(each.key, nearest_line(lines, each.path), each.reason, each.remedy, each.instead)
        for each in findings
    ]
    problems.sort(key=lambda problem: problem.line or math.inf)
    if len(problems) > MOST_PROBLEMS:
        rest = f"{len(problems) - MOST_PROBLEMS} more problems are shown once these are corrected"
        problems[MOST_PROBLEMS:] = [InvalidSetting("", None, rest, "Start with the first.")]
    return tuple(problems)


def syntax_problem(text: str, error: ValueError) -> InvalidSetting:
    """Return what is wrong with a text that is not TOML.

    The position is taken from the end of tomllib's message; without one it is the end of the document.
    """
    if isinstance(error, bounded.OutOfBounds):
        return InvalidSetting("", None, f"it cannot be read: {error}", "Compare it with calendar-engine.toml(5).")
    lines = text.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    reason = str(error).removesuffix(" (at end of document)")
    if position := re.search(r" \(at line (\d+), column (\d+)\)$", reason):
        line, column = int(position[1]), int(position[2])
        reason = reason[: position.start()]
    remedy = "Compare the line with calendar-engine.toml(5)."
    if "\\" in lines[line - 1]:
        remedy = r"Write text with a backslash between single quotation marks, as in 'DOMAIN\user'."
    return InvalidSetting("", line, f"column {column}: this is not TOML: {reason}", remedy)


_CERTIFICATE = ("exchange.certificate", "exchange.certificate_key")


def _missing(collected: ParseResult) -> Iterator[InvalidEntry]:
    wanted = [name for name, key in KEYS.items() if name.count(".") == 1 and key.default is MISSING]
    if collected.values.get("pbx.link", PbxLinkKind.DIAL) is PbxLinkKind.DIAL and not collected.concerned("pbx.link"):
        wanted.append("pbx.host")
    kind_of_exchange: ExchangeType | None = collected.values.get("exchange.type")
    if kind_of_exchange and kind_of_exchange.has_own_servers:
        wanted.append("exchange.user")
    if kind_of_exchange and kind_of_exchange.has_application:
        wanted += ["exchange.tenant_id", "exchange.client_id"]
    if kind_of_exchange and kind_of_exchange.has_graph and not _graph_root(collected):
        wanted.append("exchange.graph_url")
    for one, other in (_CERTIFICATE, _CERTIFICATE[::-1]):
        if one in collected.values:
            wanted.append(other)
    if any(name.startswith("cluster.") for name in collected.values):
        wanted.append("cluster.database")
    for name in wanted:
        if name not in collected.values and not collected.concerned(name):
            table, _, key = name.partition(".")
            yield InvalidEntry((table, key), "is missing", f"Write {key} = … in the table [{table}].")


def _graph_root(collected: ParseResult) -> str | None:
    return graph_root(collected.values.get("exchange.authority"), collected.values.get("exchange.graph_url"))


def _contradictions(collected: ParseResult) -> Iterator[InvalidEntry]:
    certificate_told = "pbx.certificate" in collected.values or collected.concerned("pbx.certificate")
    if "pbx.certificate_key" in collected.values and not certificate_told:
        yield InvalidEntry(
            ("pbx", "certificate_key"),
            "is set without a certificate",
            "Set pbx.certificate as well, or remove it: the engine then makes its own certificate.",
        )
    addresses = ("exchange.autodiscover_url", "exchange.ews_url")
    user = collected.values.get("exchange.user", "@")
    given = any(name in collected.values or collected.concerned(name) for name in addresses)
    if "@" not in user and not given:
        yield InvalidEntry(
            ("exchange", "user"),
            "contains no mail domain, so the Exchange server cannot be found",
            "Set exchange.autodiscover_url or exchange.ews_url, or write the user as user@domain.",
        )


def _free_busy_contradictions(collected: ParseResult) -> Iterator[InvalidEntry]:
    if collected.values.get("exchange.mode") is not Mode.FREE_BUSY:
        return
    if collected.values.get("exchange.type") is ExchangeType.CLOUD_EWS:
        yield InvalidEntry(
            ("exchange", "mode"),
            '= "free-busy" is not possible with exchange.type = "cloud-ews", since an application always impersonates',
            'Write "details", or leave it out; subjects are read only if they are needed.',
        )
    if collected.values.get("exchange.resolve_with") is ResolveWith.CANDIDATES:
        yield InvalidEntry(
            ("exchange", "resolve_with"),
            '= "candidates" impersonates, and exchange.mode = "free-busy" never does',
            'Write "service-account", or leave it out.',
        )


def _graph_contradictions(collected: ParseResult) -> Iterator[InvalidEntry]:
    values = collected.values
    root = _graph_root(collected)
    kind_of_exchange: ExchangeType | None = values.get("exchange.type")
    if kind_of_exchange is None or not kind_of_exchange.has_graph or root is None:
        return
    cloud, authority = cloud_of_graph(root), values.get("exchange.authority")
    key = "graph_url" if "exchange.graph_url" in values else "authority"
    if cloud is not None and not cloud.has_calendars:
        yield InvalidEntry(
            ("exchange", key),
            f"is of {cloud.name}, where Microsoft Graph has no calendars",
            "There is no way to read calendars there with this product.",
        )
    elif cloud is not None and not is_one_cloud(authority, root) and not collected.concerned("exchange.authority"):
        known = WORLDWIDE.authorities[0] if authority is None else clouds_of_authority(authority)[0].name
        yield InvalidEntry(
            ("exchange", "graph_url"),
            f"is of {cloud.name}, but the tokens come from {known}",
            f'Write authority = "https://{cloud.authorities[0]}", or the graph_url of that cloud.',
        )
    if values.get("exchange.poll_seconds", GRAPH_POLL_SECONDS) < GRAPH_POLL_SECONDS:
        yield InvalidEntry(
            ("exchange", "poll_seconds"),
            f"is less than Microsoft Graph is asked for: {GRAPH_POLL_SECONDS} seconds",
            f"Write a whole number from {GRAPH_POLL_SECONDS} to 3600, without quotation marks.",
        )


def _fingerprint_contradiction(collected: ParseResult) -> Iterator[InvalidEntry]:
    kind_of_exchange: ExchangeType | None = collected.values.get("exchange.type")
    if "exchange.fingerprint" in collected.values and kind_of_exchange and not kind_of_exchange.has_own_servers:
        yield InvalidEntry(
            ("exchange", "fingerprint"),
            "is for servers of your own, and Microsoft renews the certificates of Exchange Online often",
            "Remove it: those certificates are trusted without it.",
        )


def _ended(collected: ParseResult, today: date | None) -> Iterator[InvalidEntry]:
    if today and today >= CLOUD_EWS_END and collected.values.get("exchange.type") is ExchangeType.CLOUD_EWS:
        yield InvalidEntry(
            ("exchange", "type"),
            f'= "cloud-ews" is no longer possible: Microsoft shut it down on {CLOUD_EWS_END}',
            'Write "cloud-graph"; tenant, client ID and certificate stay the same.',
        )


def _build(values: dict[str, Any], default_zone: ZoneInfo) -> SiteSettings:
    def part(table: str) -> dict[str, Any]:
        return _part(values, table)

    users = UserSelection(
        **part("pbx.users"),
        include=UserFilter(**part("pbx.users.include")),
        exclude=UserFilter(**part("pbx.users.exclude")),
    )
    mapping = {AppointmentKind(kind): target for kind, target in part("presence.mapping").items()}
    return SiteSettings(
        pbx=PbxSettings(**{"users": users} | part("pbx")),
        exchange=ExchangeSettings(**part("exchange")),
        presence=PresenceSettings(
            **{"timezone": default_zone} | part("presence"), mapping=MappingProxyType({**DEFAULT_MAPPING, **mapping})
        ),
        debug_log=DebugLogSettings(**part("debug_log")),
        engine=EngineSettings(**part("engine")),
        cluster=ClusterSettings(**part("cluster")),
    )


def _part(values: dict[str, Any], table: str) -> dict[str, Any]:
    names = {name: name.rpartition(".") for name in values}
    return {key: values[name] for name, (parent, _, key) in names.items() if parent == table}
