"""Default path of the settings file."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

NAME = "calendar-engine.toml"
SERVICE_SETTINGS = Path("/etc/calendar-engine") / NAME
"""Path used by the system service."""


def settings_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the default path of the settings: that given by systemd, else that of the system service if it exists or
    this is root, else the platform's path for the account."""
    given = environment.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / NAME
    if os.geteuid() == 0 or _may_exist(SERVICE_SETTINGS):
        return SERVICE_SETTINGS
    return platformdirs.user_config_path("calendar-engine", appauthor=False) / NAME


def _may_exist(path: Path) -> bool:
    """Return whether a file exists; one in a directory that this account may not enter counts as there."""
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
