"""The fields of the set-up: labels, options, and what is wrong with each."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from msgspec.structs import replace

from engine.api.schema.settings import SettingProblem
from engine.api.schema.setup import FieldKind, SetupField, SetupFix, SetupOption, SetupSecret
from engine.server import convert_settings
from engine.server.convert import converted
from engine.settings.editor import SettingValue
from engine.settings.forms import SettingForm
from engine.settings.labels import label_of
from engine.settings.problems import InvalidSetting
from engine.setup.flow import LANGUAGE
from engine.setup.guesses import guessed_language
from engine.setup.pages import GROUP, KEEP_WITHIN, LEARN_USER, SECRETS, START, USER, Page, Values

INSTEAD = "instead/"
"""Begins the id of a fix that uses what is clearly meant by what was typed."""

SEARCHED = ("presence.language", "presence.timezone", LEARN_USER)
"""Answers found by a search."""

_OWN_HELP: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        USER: ("Test user", "E-mail address of a user whose calendar is read as a test", "(any user of the PBX)"),
        GROUP: ("Group", "Group whose members' mailboxes may be read", "(all mailboxes)"),
        LEARN_USER: ("With", "User who shows a test note for about 20 seconds", ""),
        START: ("Begin with", "Whose presences are written to the PBX", ""),
        KEEP_WITHIN: ("Go back unless kept within", "Seconds after which it goes back by itself; empty: never", ""),
    }
)
"""Label, help and placeholder of the answers that are no settings."""

_SECRET_HELP: Mapping[str, str] = MappingProxyType(
    {
        "pbx.password": "Password of the App object: up to 15 ASCII characters, used nowhere else",
        "exchange.password": "Password of the service account; it should not expire",
        "exchange.client_secret": "Value of the client secret, not its Secret ID",
        "exchange.proxy_password": "Password of the user named in the proxy's URL",
    }
)
_PLACEHOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "exchange.ews_url": "(found by autodiscover)",
        "exchange.autodiscover_url": "(by the mail domain)",
        "exchange.graph_url": "(by the cloud)",
        "exchange.authority": "(the worldwide cloud)",
        "pbx.domain": "(as the PBX says)",
        "pbx.listen_names": "(those of this machine)",
        "pbx.certificate": "(the engine makes one)",
        "pbx.ca_file": "(those of this machine)",
        "exchange.ca_file": "(those of this machine)",
        "exchange.proxy": "(none)",
        "presence.horizon_hours": "(until the end of the day)",
    }
)
_OPTIONS: Mapping[str, tuple[SetupOption, ...]] = MappingProxyType(
    {
        "pbx.link": (
            SetupOption(
                value="dial",
                label="The engine connects to the PBX",
                lines=("this machine ────────▶ PBX, HTTPS 443",),
                remark="recommended",
            ),
            SetupOption(
                value="listen",
                label="The PBX connects to the engine",
                lines=(
                    "this machine ◀──────── PBX, port 8443",
                    "For a PBX in a network that nothing may connect into.",
                ),
                remark="listen",
            ),
        ),
        "exchange.type": (
            SetupOption(value="on-premises", label="Exchange on the company's own servers", remark="on-premises"),
            SetupOption(value="cloud-graph", label="Exchange Online by Microsoft Graph", remark="cloud-graph"),
            SetupOption(
                value="cloud-ews",
                label="Exchange Online by EWS",
                lines=("only until 1 Apr 2027: Microsoft ends it",),
                remark="cloud-ews",
            ),
            SetupOption(
                value="hybrid",
                label="Both: each user where the mailbox is",
                lines=("as during a migration",),
                remark="hybrid",
            ),
        ),
        "exchange.mode": (
            SetupOption(value="details", label="Subjects and details"),
            SetupOption(value="free-busy", label="Only free and busy"),
        ),
        START: (
            SetupOption(
                value="nobody",
                label="Only look (dry run)",
                lines=("Nothing is written. One key goes live later: g",),
                remark="engine.dry_run",
            ),
            SetupOption(value="pilots", label="Pilots first", remark="engine.pilots"),
            SetupOption(value="everybody", label="Everybody now"),
        ),
    }
)


_KINDS: Mapping[str, FieldKind] = MappingProxyType(
    {"choice": "choice", "true or false": "flag", "whole number": "number", "number": "number"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the last check found about a field: what is wrong, and what the program can do about it; or that it is
    right."""

    problem: SettingProblem | None
    fixes: tuple[SetupFix, ...]
    is_well: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSources:
    """Where fields come from: every setting with its form, the values, what stands in the file (`written`), the secrets
    by name, all problems, and what checks have found."""

    forms: Mapping[str, SettingForm]
    values: Values
    written: Mapping[str, SettingValue | None]
    secrets: Mapping[str, SetupSecret]
    problems: Sequence[InvalidSetting]
    findings: Mapping[str, Finding]


def fields_of(page: Page, sources: FieldSources) -> tuple[SetupField, ...]:
    """Return the fields of a page, the advanced ones last."""
    values = sources.values
    plain = [_field(key, sources, is_advanced=False) for key in page.keys(values)]
    return (*plain, *(_field(key, sources, is_advanced=True) for key in page.advanced(values)))


def cursor_in(fields: Sequence[SetupField]) -> str:
    """Return the key of the field to stand in: a wrong one, else the first that needs an answer, else the first."""
    wrong = [each.key for each in fields if each.problem is not None and not each.is_needed]
    needed = [each.key for each in fields if each.is_needed]
    return next(iter((*wrong, *needed, *(each.key for each in fields if not each.is_advanced))), "")


def text_of(value: SettingValue | None) -> str:
    """Return a value as it stands in a field."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def _field(key: str, sources: FieldSources, *, is_advanced: bool) -> SetupField:
    finding = sources.findings.get(key, Finding(None, (), is_well=False))
    problem = next((each for each in sources.problems if each.key == key), None)
    if key in SECRETS:
        field = SetupField(
            key=key,
            label=label_of(key),
            help=_SECRET_HELP[key],
            kind="secret",
            secret=sources.secrets[key],
            is_needed=problem is not None,
        )
    elif key in _OWN_HELP:
        field = _own_field(key, sources.values)
    else:
        field = _setting_field(sources.forms[key], sources.written, problem)
    fixes = finding.fixes
    if problem is not None and problem.instead:
        label = _meant(key, problem.instead, sources.values)
        fixes = (SetupFix(id=f"{INSTEAD}{key}", label=label, keys=tuple(problem.instead)), *fixes)
    said = finding.problem or (converted(problem, SettingProblem) if problem is not None else None)
    is_well = finding.is_well and said is None
    return replace(field, is_advanced=is_advanced, problem=said, fixes=fixes, is_well=is_well)


def _meant(key: str, instead: Mapping[str, str | int | bool], values: Values) -> str:
    """Return what was clearly meant by a field, with what that changes in others."""
    others = {name: value for name, value in instead.items() if name != key and value != values.get(name)}
    parts = [text_of(instead.get(key)), *(f"{label_of(name)} {text_of(value)}" for name, value in others.items())]
    return f"use {', '.join(filter(None, parts))}"


def _own_field(key: str, values: Values) -> SetupField:
    label, words, placeholder = _OWN_HELP[key]
    return SetupField(
        key=key,
        label=label,
        help=words,
        kind="choice" if key in _OPTIONS else "search" if key in SEARCHED else "text",
        text=text_of(values.get(key)),
        placeholder=placeholder,
        options=_OPTIONS.get(key, ()),
    )


def _setting_field(
    form: SettingForm, written: Mapping[str, SettingValue | None], problem: InvalidSetting | None
) -> SetupField:
    text = text_of(written.get(form.key))
    kind = _kind(form)
    if not text and kind in ("choice", "flag"):
        text = text_of(form.value)
    return SetupField(
        key=form.key,
        label=label_of(form.key),
        help=form.help,
        kind=kind,
        text=text,
        placeholder="" if text else _PLACEHOLDERS.get(form.key, text_of(form.default)),
        is_needed=form.key not in written and (problem is not None or form.key == LANGUAGE),
        options=_OPTIONS.get(form.key, tuple(SetupOption(value=word, label=word) for word in form.words)),
        suggestion=_suggestion(form, written),
        setting=convert_settings.setting(form),
    )


def _kind(form: SettingForm) -> FieldKind:
    if form.key in SEARCHED:
        return "search"
    if form.many:
        return "list"
    return _KINDS.get(form.kind, "text")


def _suggestion(form: SettingForm, written: Mapping[str, SettingValue | None]) -> str:
    """The language of the site is probably that of this machine, and its time zone that one."""
    if form.key in written:
        return ""
    if form.key == "presence.language":
        return guessed_language(os.environ) or ""
    return text_of(form.default) if form.key == "presence.timezone" else ""
