"""From a path to settings: the file is read here, so that the rules about its content stay free of I/O."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.localtime import get_localzone

from engine.core.failures import Failure, Fault, Scope
from engine.core.settings.model import Settings
from engine.core.settings.reader import read_settings


class SettingsUnreadable(Failure):
    """The settings file is not there, or cannot be read as text."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file cannot be read"
    remedy = "Name an existing TOML file with --settings that the engine's user may read. See calendar-engine.toml(5)."


def load_settings(path: Path) -> Settings:
    """Return the settings in the file at `path`. Raises `SettingsUnreadable` or `SettingsInvalid`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsUnreadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsUnreadable(f"{path}: byte {error.start + 1} is not UTF-8") from error
    return read_settings(text, default_zone=system_zone(), source=str(path), today=datetime.now(UTC).date())


def system_zone() -> ZoneInfo:
    """Return the time zone this machine is set to, UTC where that has no IANA name."""
    zone = get_localzone()
    return zone if isinstance(zone, ZoneInfo) and zone.key else ZoneInfo("UTC")
