"""Options to choose from, by a search: languages of the notes, and time zones."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.core.presence import supported_languages
from engine.core.time_zones import known_time_zones


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer: its value, the words to show for it, and a remark."""

    value: str
    label: str
    remark: str = ""


LANGUAGES = {
    "cs": "Čeština, Czech",
    "da": "Dansk, Danish",
    "de": "Deutsch, German",
    "en": "English",
    "es": "Español, Spanish",
    "et": "Eesti, Estonian",
    "fi": "Suomi, Finnish",
    "fr": "Français, French",
    "hr": "Hrvatski, Croatian",
    "hu": "Magyar, Hungarian",
    "it": "Italiano, Italian",
    "lv": "Latviešu, Latvian",
    "nb": "Norsk bokmål, Norwegian",
    "nl": "Nederlands, Dutch",
    "pl": "Polski, Polish",
    "pt": "Português, Portuguese",
    "ru": "Русский, Russian",
    "sl": "Slovenščina, Slovenian",
    "sv": "Svenska, Swedish",
}
_NO_PLACES = ("Etc/", "SystemV/", "posix/", "right/")


def languages() -> tuple[Option, ...]:
    """Return the languages that notes can be in."""
    return tuple(Option(code, LANGUAGES.get(code, code)) for code in sorted(supported_languages()))


def zones(now: datetime) -> tuple[Option, ...]:
    """Return the time zones of places, and Etc/UTC, each with the time that it is there `now`."""
    names = sorted(name for name in known_time_zones() if "/" in name and not name.startswith(_NO_PLACES))
    return tuple(
        Option(name, name.replace("_", " "), f"now {now.astimezone(ZoneInfo(name)):%H:%M}")
        for name in (*names, "Etc/UTC")
    )


def found(options: Sequence[Option], search: str) -> tuple[Option, ...]:
    """Return the options in which every word of `search` begins a word, those that begin with it first."""
    wanted = _words(search)
    fitting = [
        each
        for each in options
        if all(any(word.startswith(part) for word in _words(f"{each.value} {each.label}")) for part in wanted)
    ]
    start = _folded(search.strip())
    return tuple(sorted(fitting, key=lambda each: not _starts(each, start)))


def _starts(option: Option, start: str) -> bool:
    return any(_folded(text).startswith(start) for text in (option.value, option.label))


def _words(text: str) -> list[str]:
    for separator in "/_-, ":
        text = text.replace(separator, " ")
    return _folded(text).split()


def _folded(text: str) -> str:
    """Return a text without case and accents."""
    decomposed: Iterable[str] = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
