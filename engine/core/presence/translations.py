"""Translations of the notes, from one file per language that a translator can edit."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any

from babel import Locale, UnknownLocaleError

from engine.core.presence.model import AppointmentKind, Target

FALLBACK = "en"
NOON = 12
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TAG = re.compile("[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?")
_QUOTED = re.compile("'[^']*'")  # literal text in a CLDR pattern
_FILES = resources.files(__package__) / "languages"


class Sentence(StrEnum):
    """The keys of the table [note]; languages/en.toml explains each one."""

    LABEL = "label"
    WITH_NEXT = "with_next"
    UNTIL_TIME = "until_time"
    UNTIL_TOMORROW_TIME = "until_tomorrow_time"
    UNTIL_WEEKDAY_TIME = "until_weekday_time"
    UNTIL_DATE_TIME = "until_date_time"
    ALL_DAY = "all_day"
    UNTIL_TOMORROW = "until_tomorrow"
    UNTIL_WEEKDAY = "until_weekday"
    UNTIL_DATE = "until_date"


@dataclass(frozen=True, slots=True)
class TwelveHourClock:
    """A language's own 12-hour format: {hour}, {minute} and {half}, which is `am` or `pm`."""

    on_the_hour: str
    past_the_hour: str
    am: str
    pm: str

    def say(self, hour: int, minute: int) -> str:
        """Format a time of day; noon is twelve pm, midnight twelve am."""
        pattern = self.past_the_hour if minute else self.on_the_hour
        return pattern.format(hour=hour % 12 or 12, minute=f"{minute:02}", half=self.am if hour < NOON else self.pm)


@dataclass(frozen=True, eq=False)
class Translations:
    """The messages of one language; English ones where its file lacks them.

    `weekdays` are Monday to Sunday, `inflected_weekdays` the same in the form that follows "until", if different;
    `date` and `date_with_year` are CLDR patterns. `counts_to_twelve` is True for locales with a 12-hour clock, and
    `clock` is then its format, None for that of CLDR. `missing` names the messages that lack a translation.
    """

    locale: Locale
    states: Mapping[Target, str]
    kinds: Mapping[AppointmentKind, str]
    sentences: Mapping[Sentence, str]
    weekdays: tuple[str, ...]
    inflected_weekdays: tuple[str, ...]
    date: str
    date_with_year: str
    counts_to_twelve: bool
    clock: TwelveHourClock | None
    missing: tuple[str, ...]


def supported_languages() -> tuple[str, ...]:
    """Return the codes of all languages with a file, in alphabetical order."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _FILES.iterdir() if file.name.endswith(".toml")))


def is_supported_language(code: str) -> bool:
    """Return whether `code` is a supported language, perhaps with a region (`de`, `de-CH`, `pt_BR`).

    A locale of the operating system (`C`, `C.UTF-8`, `de_DE.UTF-8`) is not.
    """
    locale = _locale(code) if _TAG.fullmatch(code) else None
    return locale is not None and locale.language in supported_languages()


def missing_messages(code: str) -> tuple[str, ...]:
    """Return the messages without a translation into this language, for instance `note.until_time`."""
    return catalogue(code).missing


@lru_cache(maxsize=64)
def catalogue(code: str) -> Translations:
    """Return the messages for a language code; English ones if the language is unknown."""
    locale = _locale(code)
    if locale is None or locale.language not in supported_languages():
        return build(Locale(FALLBACK), {}, _read(FALLBACK))
    return build(locale, _read(locale.language), _read(FALLBACK))


def build(locale: Locale, own: Mapping[str, Any], fallback: Mapping[str, Any]) -> Translations:
    """Return the catalogue of the tables `own`; missing messages are taken from `fallback`."""
    tables = {table: {**fallback[table], **own.get(table, {})} for table in ("state", "kind", "note")}
    missing = tuple(f"{table}.{key}" for table in tables for key in fallback[table] if key not in own.get(table, {}))
    weekdays = tuple(locale.days["format"]["wide"][day] for day in range(7))
    inflected = own.get("inflected_weekday", {})
    dates = own.get("date", {})
    times = own.get("time") or (fallback.get("time") if locale.language == FALLBACK else None)
    counts_to_twelve = "h" in _QUOTED.sub("", locale.time_formats["short"].pattern)
    return Translations(
        locale=locale,
        states={Target(key): word for key, word in tables["state"].items()},
        kinds={AppointmentKind(key): word for key, word in tables["kind"].items()},
        sentences={Sentence(key): sentence for key, sentence in tables["note"].items()},
        weekdays=weekdays,
        inflected_weekdays=tuple(inflected.get(day, name) for day, name in zip(_DAYS, weekdays, strict=True)),
        date=dates.get("pattern", locale.datetime_skeletons["MMMd"].pattern),
        date_with_year=dates.get("pattern_with_year", locale.datetime_skeletons["yMMMd"].pattern),
        counts_to_twelve=counts_to_twelve,
        clock=TwelveHourClock(**times) if times and counts_to_twelve else None,
        missing=missing,
    )


def _locale(code: str) -> Locale | None:
    try:
        return Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return None


@lru_cache(maxsize=64)
def _read(language: str) -> Mapping[str, Any]:
    return tomllib.loads((_FILES / f"{language}.toml").read_text(encoding="utf-8"))
