"""Settings as form fields: allowed values, current value and its origin, help text, effect of a change."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

from engine.core import bounded
from engine.core.presence import DEFAULT_MAPPING, AppointmentKind, supported_languages
from engine.core.users import UserSelection
from engine.settings import parsers
from engine.settings.editor import SettingValue
from engine.settings.keys import HELP, KEYS, Effect, Key, effect_of
from engine.settings.parsers import EnumWord, FloatRange, IntRange, ValueParser
from engine.settings.reader import collect, leaves

ValueOrigin = Literal["file", "default", "none"]

_KINDS: Mapping[ValueParser, str] = MappingProxyType(
    {
        parsers.boolean: "true or false",
        parsers.text: "text",
        parsers.text_or_nothing: "text",
        parsers.time_zone: "time zone",
        parsers.host: "host",
        parsers.domain: "domain",
        parsers.listening_address: "IP address",
        parsers.url_path: "URL path",
        parsers.https_url: "URL",
        parsers.proxy_url: "URL of a proxy",
        parsers.database_url: "URL of a database",
        parsers.node_name: "text",
        parsers.quiet_hours: "span of the day or day of the week",
        parsers.mail_address: "e-mail address",
        parsers.account: "account",
        parsers.contact: "presence contact",
        parsers.file: "file",
        parsers.fingerprint: "fingerprint",
        parsers.guid: "GUID",
        parsers.day: "date",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingForm:
    """One key. `kind` is the type of the value, or of each list entry if `many`; `words` are the allowed values of an
    enumeration, `low` and `high` the limits of a number. `value` is None if no usable value is set and there is no
    default."""

    key: str
    help: str
    kind: str
    many: bool
    words: tuple[str, ...]
    low: float | None
    high: float | None
    default: SettingValue | None
    value: SettingValue | None
    origin: ValueOrigin
    effect: Effect


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A key whose value differs between two texts; None = not set."""

    key: str
    before: SettingValue | None
    after: SettingValue | None


def setting_forms(text: str, default_zone: ZoneInfo | None) -> tuple[SettingForm, ...]:
    """Return every setting with its value in `text`, which may be invalid; an unusable value counts as none.

    Without a `default_zone` the time zone has no default.
    """
    document = _document(text)
    usable = collect(document).values
    written = {name: _plain(value) for name, value in _set_in(document).items() if name in usable}
    return tuple(
        replace(form, value=written[form.key], origin="file") if form.key in written else form
        for form in _unset(default_zone)
    )


def differences(before: str, after: str) -> tuple[SettingDifference, ...]:
    """Return the keys whose values differ; a text that is not TOML sets nothing."""
    old, new = _set_in(_document(before)), _set_in(_document(after))
    names = [name for name in {**old, **new} if repr(old.get(name)) != repr(new.get(name))]
    return tuple(SettingDifference(name, _plain(old.get(name)), _plain(new.get(name))) for name in names)


@cache
def _unset(default_zone: ZoneInfo | None) -> tuple[SettingForm, ...]:
    """Return every setting as if none was in the file; computed once, since the set-up asks for it at each key."""
    zone = default_zone.key if default_zone is not None else None
    return tuple(_form_of(key, zone if key.name == "presence.timezone" else _default(key)) for key in KEYS.values())


def _form_of(key: Key, default: SettingValue | None) -> SettingForm:
    kind, words, low, high = _type_of(key.parse)
    return SettingForm(
        key=key.name,
        help=HELP[key.name],
        kind=kind,
        many=key.many,
        words=words,
        low=low,
        high=high,
        default=default,
        value=default,
        origin="none" if default is None else "default",
        effect=effect_of(key.name),
    )


def _type_of(parse: ValueParser) -> tuple[str, tuple[str, ...], float | None, float | None]:
    match parse:
        case EnumWord():
            return "choice", parse.words, None, None
        case IntRange(low, high):
            return "whole number", (), low, high
        case FloatRange(low, high):
            return "number", (), low, high
        case parsers.language:
            return "choice", tuple(sorted(supported_languages())), None, None
        case parsers.channel_binding:
            return "choice", ("auto", "off"), None, None
        case parsers.all_users:
            return "choice", ("all",), None, None
        case _:
            return _KINDS[parse], (), None, None


def _default(key: Key) -> SettingValue | None:
    match key.name.split("."):
        case ["presence", "mapping", kind]:
            return DEFAULT_MAPPING[AppointmentKind(kind)].value
        case ["exchange", "channel_binding"]:
            return "auto"
        case ["pbx", "users", "hidden"]:
            return UserSelection().hidden
        case ["pbx", "users", _, _]:
            return ()
    match key.default:
        case UserSelection():
            return "all"
        case StrEnum() as word:
            return word.value
        case Path() as path:
            return str(path)
        case _:
            return None if key.default is MISSING or key.default == "" else _plain(key.default)


def _document(text: str) -> dict[str, Any]:
    try:
        return bounded.toml(text)
    except bounded.NotReadable:
        return {}


def _set_in(document: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_named(document))


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, value in leaves(document):
        yield ".".join(str(step) for step in path), value


def _plain(value: Any) -> SettingValue | None:
    """Return a value that JSON can express; anything else (never a setting) as text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return tuple(str(each) for each in value)
        case _:
            return str(value)
