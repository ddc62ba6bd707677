"""The commands `backup` and `restore`."""

import argparse
import os
from pathlib import Path

import msgspec

from engine.api.resources.engine import EngineRequests
from engine.cli.client import CommandClient
from engine.cli.credentials import typed
from engine.cli.errors import FileNotRead, FileNotWritten
from engine.cli.exit_codes import WELL
from engine.cli.offline import run_beside
from engine.cli.output import remark, show
from engine.core.secret import Secret
from engine.daemon.paths import become_service, settings_path
from engine.daemon.process import protect_memory
from engine.daemon.restore import restore, restore_store
from engine.display import counted
from engine.store.backup import LARGEST_BACKUP, check_kind, opened
from engine.store.leftovers import sweep, temporary_names
from engine.store.replacing import replace_file
from engine.supervisor.settings_file import SettingsFile

PASSPHRASE = "passphrase of the backup"  # noqa: S105 (what it is called)
SQLITE = b"SQLite format 3\0"


class BackupMade(msgspec.Struct, frozen=True):
    """A backup that was written."""

    file: str
    bytes: int


def run_backup(options: argparse.Namespace) -> int:
    """Write a backup to a new file and return the exit status. Raises a `Failure`."""
    protect_memory()
    file: Path = options.file
    if file.exists():
        raise FileNotWritten(f"{file}: it exists")
    passphrase = typed(PASSPHRASE)

    async def made(client: CommandClient) -> int:
        content = await EngineRequests(client).backup(passphrase)
        try:
            sweep(file.parent, temporary_names(file.name))
            replace_file(file, content)
        except OSError as error:
            raise FileNotWritten(f"{file}: {error.strerror}") from error
        show(BackupMade(str(file), len(content)), _written, as_json=options.json)
        return WELL

    return run_beside(options, made, changes=True, with_state=True)


def _written(backup: BackupMade) -> list[str]:
    return [
        f"{backup.file}: {counted(backup.bytes, 'byte')}",
        "Files that the settings name, such as certificates, are not part of it. Without the passphrase nothing can "
        "read it.",
    ]


def run_restore(options: argparse.Namespace) -> int:
    """Restore a backup, or a database kept from before an upgrade, and return the exit status. Raises a `Failure`."""
    protect_memory()
    content = _read(options.file)
    if options.settings is None:
        become_service(options.name or "")
    file = SettingsFile(options.settings or settings_path())
    if content.startswith(SQLITE):
        state = restore_store(content, file)
        remark(f"{state}: the database is in place. Start calendar-engine now; it reads all presences from the PBX.")
        return WELL
    check_kind(content)
    backup = opened(content, Secret(typed(PASSPHRASE, again=False)))
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    state = restore(backup, file, Path(credentials) if credentials else None, replace=options.replace)
    remark(f"The backup of {backup.made:%Y-%m-%d %H:%M} UTC is in place: {file.path} and {state}.")
    remark("Start calendar-engine now, and only where no other one writes the same users; it asks the PBX first.")
    return WELL


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST_BACKUP + 1)
    except OSError as error:
        raise FileNotRead(f"{file}: {error.strerror}") from error
