"""The settings file on disk: read, and replaced atomically."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.localtime import get_localzone

from engine.core.bounded import LARGEST
from engine.core.errors import Failure
from engine.settings.model import ClusterSettings, EngineSettings, SiteSettings
from engine.settings.reader import read_as_far_as_valid, read_cluster_settings, read_engine_settings, read_settings
from engine.store.leftovers import sweep, temporary_names
from engine.supervisor.errors import SettingsMissing, SettingsUnreadable, SettingsUnwritable

LARGEST_FILE = 4 * LARGEST + 1
"""Bytes; a longer file is refused as too long, not as invalid UTF-8 because of a character cut in two."""

NEW_MODE = 0o640
"""Mode of a new file. It contains no secrets."""


class SettingsFile:
    """The file at `path`, which may be a symbolic link and need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str:
        """Return the text, without the byte order mark that some editors put at the start.

        Raises `SettingsMissing` or `SettingsUnreadable`.
        """
        try:
            with self.path.open("rb") as stream:
                return stream.read(LARGEST_FILE).decode("utf-8-sig")
        except FileNotFoundError:
            raise SettingsMissing(str(self.path)) from None
        except OSError as error:
            raise SettingsUnreadable(f"{self.path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            if error.start > LARGEST:
                raise SettingsUnreadable(f"{self.path}: it is longer than {LARGEST // 1024} kB") from error
            raise SettingsUnreadable(f"{self.path}: byte {error.start + 1} is not UTF-8") from error

    def write(self, text: str) -> None:
        """Replace the content atomically, keeping mode and group.

        Raises `SettingsUnwritable`; the file is unchanged then.
        """
        target = self.path.resolve()
        new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            try:
                _put_in_place(new, text, target)
            finally:
                new.unlink(missing_ok=True)
            _sync(target.parent)
        except OSError as error:
            raise SettingsUnwritable(f"{self.path}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove the temporary files left by an engine that was killed."""
        target = self.path.resolve()
        sweep(target.parent, temporary_names(target.name))

    def stamp(self) -> tuple[int, int, int] | None:
        """Return a value that differs after every change of the file, None while the file does not exist."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def engine_settings(self) -> EngineSettings:
        """Return the `engine` settings, as far as that part of the file is usable, with defaults for the rest."""
        try:
            return read_engine_settings(self.read())
        except Failure:
            return EngineSettings()

    def cluster_settings(self) -> ClusterSettings:
        """Return the `cluster` settings in the same way."""
        try:
            return read_cluster_settings(self.read())
        except Failure:
            return ClusterSettings()

    def settings(self, text: str) -> SiteSettings:
        """Parse `text` as the content of this file. Raises `SettingsInvalid`."""
        return read_settings(text, default_zone=system_zone(), source=str(self.path), today=datetime.now(UTC).date())

    def settings_as_far_as_valid(self, text: str) -> SiteSettings:
        """Parse `text` as far as it is valid, with defaults for everything else."""
        return read_as_far_as_valid(text, system_zone())


def tag_of(text: str) -> str:
    """Return the ETag of the text (RFC 9110, 8.8.3), with its quotation marks."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def system_zone() -> ZoneInfo:
    """Return the time zone of this machine, UTC if it has none (localtime(5)) or one without an IANA name."""
    try:
        zone = get_localzone()
    except (LookupError, OSError, ValueError):
        return ZoneInfo("UTC")
    return zone if isinstance(zone, ZoneInfo) and zone.key else ZoneInfo("UTC")


def _put_in_place(path: Path, text: str, target: Path) -> None:
    """Write a new file and rename it to `target`; its lock distinguishes it from a leftover."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
        try:
            old = target.stat()
        except FileNotFoundError:
            os.fchmod(stream.fileno(), NEW_MODE)
        else:
            with contextlib.suppress(PermissionError):
                os.fchown(stream.fileno(), -1, old.st_gid)
            os.fchmod(stream.fileno(), stat.S_IMODE(old.st_mode))
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
        path.replace(target)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
