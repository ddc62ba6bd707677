"""Default path of the settings file, and the directories of the system service."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

NAME = "calendar-engine.toml"
SERVICE_SETTINGS = Path("/etc/calendar-engine") / NAME
"""Path used by the system service."""
SERVICE_STATE = Path("/var/lib/calendar-engine")
"""State directory of the system service; that of calendar-engine@NAME has the same ending."""


def settings_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the default path of the settings: that given by systemd, else that of the system service if it exists or
    this is root, else the platform's path for the account."""
    given = environment.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / NAME
    if os.geteuid() == 0 or _may_exist(SERVICE_SETTINGS):
        return SERVICE_SETTINGS
    return platformdirs.user_config_path("calendar-engine", appauthor=False) / NAME


def become_service(instance: str = "") -> None:
    """As root, go on as the account of the system service with its directories, as systemd starts it; files of root in
    them would stop it. Nothing happens if that service is not installed or this is not root."""
    ending = f"@{instance}" if instance else ""
    state = SERVICE_STATE.with_name(SERVICE_STATE.name + ending)
    if os.geteuid() != 0 or "STATE_DIRECTORY" in os.environ or not state.is_dir():
        return
    owner = state.stat()
    configuration = SERVICE_SETTINGS.parent
    os.environ["STATE_DIRECTORY"] = str(state)
    os.environ["CONFIGURATION_DIRECTORY"] = str(configuration.with_name(configuration.name + ending))
    os.setgroups(())
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def _may_exist(path: Path) -> bool:
    """Return whether a file exists; one in a directory that this account may not enter counts as there."""
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
