"""Where the settings are: for the engine, and for the commands that look at them without one."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

NAME = "calendar-engine.toml"
SERVICE_SETTINGS = Path("/etc/calendar-engine") / NAME
"""Where the system service has them."""


def settings_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the settings are unless an option says so: where systemd says, else where a system service has
    them, if they are there or this is root, else the platform's place for the account."""
    given = environment.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / NAME
    if SERVICE_SETTINGS.exists() or os.geteuid() == 0:
        return SERVICE_SETTINGS
    return platformdirs.user_config_path("calendar-engine", appauthor=False) / NAME
