"""Restores a backup: first all of it is written beside what is there, then put in place; the next start of the engine
finishes what was interrupted in between."""

import os
from pathlib import Path

import msgspec

from engine.core.errors import Failure
from engine.daemon.build import state_directory
from engine.settings.model import EngineSettings
from engine.settings.reader import read_engine_settings
from engine.store.backup import STATE_FILES, Backup, store_to_restore
from engine.store.database import locked
from engine.store.errors import RestoreUnfinished, RestoreWouldReplace
from engine.store.leftovers import IN_STATE, sweep
from engine.store.replacing import replace_file, sync_directory
from engine.store.secret_store import SecretStore
from engine.supervisor.errors import SettingsUnwritable
from engine.supervisor.settings_file import SettingsFile

PENDING = "restore.pending"
"""The file in the state directory whose presence means that everything in it has to be put in place."""

STORE, SECRETS = "engine.db", "secrets.enc"


class PendingRestore(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be put in place: `files` of the state directory by name, None for those to remove. The secrets are
    encrypted with the key of this machine, which is among them if there was none."""

    settings: str | None
    files: dict[str, bytes | None]


def restore(backup: Backup, file: SettingsFile, credentials: Path | None, *, replace: bool) -> Path:
    """Put everything of a backup in place, and return the state directory.

    Raises `RestoreWouldReplace` unless `replace`, `AlreadyRunning`, `BackupUnusable`, `RestoreUnfinished`, and failures
    of the store.
    """
    state = _state_directory(backup.settings)
    store = store_to_restore(backup.store)
    _check_writable(file)
    with locked(state):
        sweep(state, IN_STATE)
        present = [str(path) for path in (file.path, state / SECRETS, state / "setup.json") if path.exists()]
        if present and not replace:
            raise RestoreWouldReplace(", ".join(present))
        files = {STORE: store, SECRETS: None, **{name: backup.files.get(name) for name in STATE_FILES}}
        if backup.secrets:
            files |= SecretStore(state, credentials).files_with(backup.secrets)
        stage(state, PendingRestore(settings=backup.settings, files=files))
        put_in_place(state, file)
    return state


def restore_store(store: bytes, file: SettingsFile) -> Path:
    """Put a copy of the database in place of the present one, and return the state directory; its presences are in
    doubt. Raises what `restore` does."""
    state = state_directory(file.engine_settings())
    prepared = store_to_restore(store)
    with locked(state):
        stage(state, PendingRestore(settings=None, files={STORE: prepared}))
        put_in_place(state, file)
    return state


def finish_restore(state: Path, file: SettingsFile) -> bool:
    """Finish what was interrupted; return whether there was something. Raises `RestoreUnfinished`, or a failure of the
    store."""
    if not (state / PENDING).exists():
        return False
    with locked(state):
        put_in_place(state, file)
    return True


def _state_directory(settings: str | None) -> Path:
    try:
        return state_directory(read_engine_settings(settings or ""))
    except Failure:  # the settings were not valid when the backup was made: they can be corrected
        return state_directory(EngineSettings())


def _check_writable(file: SettingsFile) -> None:
    """Raise `SettingsUnwritable` if it can be known before anything is changed."""
    directory = file.path.resolve().parent
    while not directory.exists():
        directory = directory.parent
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SettingsUnwritable(f"{file.path}: {directory} cannot be written")


def stage(state: Path, pending: PendingRestore) -> None:
    """Write down what has to be put in place; the next start of the engine does it. Raises `RestoreUnfinished`."""
    try:
        replace_file(state / PENDING, msgspec.msgpack.encode(pending))
    except OSError as error:
        raise RestoreUnfinished(f"{state}: {error.strerror}; nothing was changed") from error


def put_in_place(state: Path, file: SettingsFile) -> None:
    """Do what the pending file says, and remove it at the end; doing it again does no harm."""
    try:
        pending = msgspec.msgpack.decode((state / PENDING).read_bytes(), type=PendingRestore)
        for suffix in ("-wal", "-shm"):
            (state / f"{STORE}{suffix}").unlink(missing_ok=True)
        for name, content in pending.files.items():
            if content is None:
                (state / name).unlink(missing_ok=True)
            else:
                replace_file(state / name, content)
        if pending.settings is not None:
            file.write(pending.settings)
        (state / PENDING).unlink()
        sync_directory(state)
    except (OSError, msgspec.MsgspecError, SettingsUnwritable) as error:
        raise RestoreUnfinished(str(error)) from error
