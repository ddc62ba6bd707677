"""Reads the settings file: all of it or nothing, and everything that is wrong with it at once."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING
from datetime import date
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from engine.core import bounded
from engine.core.presence.model import DEFAULT_MAPPING, Kind, PresenceSettings
from engine.core.settings.collect import Collected, Finding, collect
from engine.core.settings.keys import KEYS
from engine.core.settings.lines import lines_of, nearest_line
from engine.core.settings.model import (
    CLOUD_EWS_END,
    DebugLogSettings,
    EngineSettings,
    ExchangeSettings,
    ExchangeType,
    Mode,
    PbxLinkKind,
    PbxSettings,
    ResolveWith,
    Settings,
)
from engine.core.settings.problems import Problem, SettingsInvalid
from engine.core.users import UserFilter, UserSelection

MOST_PROBLEMS = 50
"""So many are told at once."""


def read_settings(
    text: str, *, default_zone: ZoneInfo, source: str = "settings file", today: date | None = None
) -> Settings:
    """Read the text of a settings file; `default_zone` is what presence.timezone means where it is left out.

    What has come to its end by `today`, where that is given, is refused. Raises `SettingsInvalid` with every problem
    of the text; `source` is what its message calls the file.
    """
    try:
        document = bounded.toml(text)
    except bounded.NotReadable as error:
        raise SettingsInvalid(source, (_syntax_problem(text, error),)) from None
    collected = collect(document)
    findings = [
        *collected.findings,
        *_missing(collected),
        *_contradictions(collected),
        *_free_busy_contradictions(collected),
        *_ended(collected, today),
    ]
    if findings:
        raise SettingsInvalid(source, _problems(text, findings))
    return _build(collected.values, default_zone)


def read_engine_settings(text: str) -> EngineSettings:
    """Read the [engine] table as far as it is valid, whatever is wrong elsewhere: what an engine that is still to be
    set up is reached by."""
    try:
        document = bounded.toml(text)
    except bounded.NotReadable:
        return EngineSettings()
    return EngineSettings(**_part(collect(document).values, "engine"))


def _problems(text: str, findings: Sequence[Finding]) -> tuple[Problem, ...]:
    """Return what is wrong in the order of the lines; where that is very much, the beginning of it."""
    lines = lines_of(text)
    problems = [Problem(each.key, nearest_line(lines, each.path), each.reason, each.remedy) for each in findings]
    problems.sort(key=lambda problem: problem.line or math.inf)
    if len(problems) > MOST_PROBLEMS:
        rest = f"there is more that is wrong, which is told when this is right: {len(problems) - MOST_PROBLEMS} places"
        problems[MOST_PROBLEMS:] = [Problem("", None, rest, "Begin with the first.")]
    return tuple(problems)


def _syntax_problem(text: str, error: ValueError) -> Problem:
    """Take the position from the end of the message, where every version of tomllib tells it unless it is the end."""
    if isinstance(error, bounded.OutOfBounds):
        return Problem("", None, f"it cannot be read: {error}", "Compare it with calendar-engine.toml(5).")
    lines = text.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    reason = str(error).removesuffix(" (at end of document)")
    if position := re.search(r" \(at line (\d+), column (\d+)\)$", reason):
        line, column = int(position[1]), int(position[2])
        reason = reason[: position.start()]
    remedy = "Compare the line with calendar-engine.toml(5)."
    if "\\" in lines[line - 1]:
        remedy = r"Write text with a backslash between single quotation marks, as in 'DOMAIN\user'."
    return Problem("", line, f"column {column}: this is no TOML: {reason}", remedy)


_CERTIFICATE = ("exchange.certificate", "exchange.certificate_key")


def _missing(collected: Collected) -> Iterator[Finding]:
    wanted = [name for name, key in KEYS.items() if name.count(".") == 1 and key.default is MISSING]
    if collected.values.get("pbx.link", PbxLinkKind.DIAL) is PbxLinkKind.DIAL and not collected.concerned("pbx.link"):
        wanted.append("pbx.host")
    if collected.values.get("exchange.type") is ExchangeType.ON_PREMISES:
        wanted.append("exchange.user")
    if collected.values.get("exchange.type") is ExchangeType.CLOUD_EWS:
        wanted += ["exchange.tenant_id", "exchange.client_id"]
    for one, other in (_CERTIFICATE, _CERTIFICATE[::-1]):
        if one in collected.values:
            wanted.append(other)
    for name in wanted:
        if name not in collected.values and not collected.concerned(name):
            table, _, key = name.partition(".")
            yield Finding((table, key), "is missing", f"Write {key} = … in the table [{table}].")


def _contradictions(collected: Collected) -> Iterator[Finding]:
    certificate_told = "pbx.certificate" in collected.values or collected.concerned("pbx.certificate")
    if "pbx.certificate_key" in collected.values and not certificate_told:
        yield Finding(
            ("pbx", "certificate_key"),
            "is the key of no certificate",
            "Set pbx.certificate as well, or remove it: the engine then makes its own certificate.",
        )
    addresses = ("exchange.autodiscover_url", "exchange.ews_url")
    user = collected.values.get("exchange.user", "@")
    given = any(name in collected.values or collected.concerned(name) for name in addresses)
    if "@" not in user and not given:
        yield Finding(
            ("exchange", "user"),
            "names no mail domain, so the Exchange server cannot be looked for",
            "Set exchange.autodiscover_url or exchange.ews_url, or write the user as user@domain.",
        )


def _free_busy_contradictions(collected: Collected) -> Iterator[Finding]:
    if collected.values.get("exchange.mode") is not Mode.FREE_BUSY:
        return
    if collected.values.get("exchange.type") is ExchangeType.CLOUD_EWS:
        yield Finding(
            ("exchange", "mode"),
            '= "free-busy" is not possible with exchange.type = "cloud-ews", since an application always impersonates',
            'Write "details", or leave it out; the subjects are not read unless they are needed.',
        )
    if collected.values.get("exchange.resolve_with") is ResolveWith.CANDIDATES:
        yield Finding(
            ("exchange", "resolve_with"),
            '= "candidates" impersonates, and exchange.mode = "free-busy" never does',
            'Write "service-account", or leave it out.',
        )


def _ended(collected: Collected, today: date | None) -> Iterator[Finding]:
    if today and today >= CLOUD_EWS_END and collected.values.get("exchange.type") is ExchangeType.CLOUD_EWS:
        yield Finding(
            ("exchange", "type"),
            f'= "cloud-ews" is not possible any more: Microsoft has ended it on {CLOUD_EWS_END}',
            'Write "cloud-graph"; tenant, client ID and certificate stay the same.',
        )


def _build(values: dict[str, Any], default_zone: ZoneInfo) -> Settings:
    def part(table: str) -> dict[str, Any]:
        return _part(values, table)

    users = UserSelection(
        **part("pbx.users"),
        include=UserFilter(**part("pbx.users.include")),
        exclude=UserFilter(**part("pbx.users.exclude")),
    )
    mapping = {Kind(kind): target for kind, target in part("presence.mapping").items()}
    return Settings(
        pbx=PbxSettings(**{"users": users} | part("pbx")),
        exchange=ExchangeSettings(**part("exchange")),
        presence=PresenceSettings(
            **{"timezone": default_zone} | part("presence"), mapping=MappingProxyType({**DEFAULT_MAPPING, **mapping})
        ),
        debug_log=DebugLogSettings(**part("debug_log")),
        engine=EngineSettings(**part("engine")),
    )


def _part(values: dict[str, Any], table: str) -> dict[str, Any]:
    names = {name: name.rpartition(".") for name in values}
    return {key: values[name] for name, (parent, _, key) in names.items() if parent == table}
