"""Where the settings and the socket of the local API are: for the engine, and for the commands that look for them."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import platformdirs

SOCKET = "engine.sock"
SERVICE_SOCKET = Path("/run/calendar-engine") / SOCKET
"""Where the system service has it."""

SETTINGS = "calendar-engine.toml"
SERVICE_SETTINGS = Path("/etc/calendar-engine") / SETTINGS
"""Where the system service has them."""


def socket_path(setting: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the engine makes it: as set, else as systemd says, else the platform's place for it."""
    if setting is not None:
        return setting
    given = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / SOCKET
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set; the engine checks the directory itself
        return platformdirs.user_runtime_path("calendar-engine", appauthor=False) / SOCKET


def settings_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the settings are unless an option says so: where systemd says, else where a system service has
    them, if they are there or this is root, else the platform's place for the account."""
    given = environment.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / SETTINGS
    if SERVICE_SETTINGS.exists() or os.geteuid() == 0:
        return SERVICE_SETTINGS
    return platformdirs.user_config_path("calendar-engine", appauthor=False) / SETTINGS


def usual_sockets() -> tuple[Path, ...]:
    """Return where a command looks for it: an engine of this account first, then the system service."""
    return tuple(dict.fromkeys((socket_path(None), SERVICE_SOCKET)))
