"""What this machine gives away about the site: the language it was installed in, the time zone it stands in."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.core.presence import supported_languages

_NOWHERE = frozenset(
    {"UTC", "UCT", "Universal", "Zulu", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Factory", "localtime"}
)


def guessed_language(environment: Mapping[str, str]) -> str | None:
    """Return the language of the POSIX locale (`de_AT.UTF-8@euro`) if notes can be in it; C and POSIX are none."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        code = environment.get(name, "").partition(".")[0].partition("@")[0]
        language = code.replace("-", "_").partition("_")[0].casefold()
        if language in supported_languages():
            return language
    return None


def guessed_zone(system_zone: ZoneInfo) -> ZoneInfo | None:
    """Return the time zone of this machine, None where it says nothing of the site.

    Many servers run in UTC, or another mere offset, wherever they stand.
    """
    key = system_zone.key
    return None if key in _NOWHERE or key.startswith("Etc/") else system_zone
