"""Guesses at the language and time zone of the site from those of this machine."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.core.presence import supported_languages

_NOWHERE = frozenset(
    {"UTC", "UCT", "Universal", "Zulu", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Factory", "localtime"}
)


def guessed_language(environment: Mapping[str, str]) -> str | None:
    """Return the language of the POSIX locale (`de_AT.UTF-8@euro`) if notes support it; C and POSIX give none."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        code = environment.get(name, "").partition(".")[0].partition("@")[0]
        language = code.replace("-", "_").partition("_")[0].casefold()
        if language in supported_languages():
            return language
    return None


def guessed_zone(system_zone: ZoneInfo) -> ZoneInfo | None:
    """Return the time zone of this machine, None if it does not tell where the site is.

    Many servers run in UTC, or another fixed offset, wherever they are.
    """
    key = system_zone.key
    return None if key in _NOWHERE or key.startswith("Etc/") else system_zone
