"""History of the settings that were in force, for rollback to a recent version."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from engine.settings.forms import SettingDifference
from engine.store.database import Database

KEPT = 50


@dataclass(frozen=True, slots=True)
class Author:
    """Author of a change: the process at the other end of the socket; `user` is empty if the uid has no name."""

    uid: int
    pid: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The whole `text` of a settings file that was in force from `at` (calendar time) on.

    `author` is None if the file was changed by hand or by the engine itself. `confirm_until` is the deadline of a
    change that must be confirmed. `returns_to` is the number of the earlier version, for a rollback. `node` is the
    engine that it was made at, empty if that works alone.
    """

    id: int
    at: datetime
    author: Author | None
    action: str
    differences: tuple[SettingDifference, ...]
    text: str
    confirm_until: datetime | None
    returns_to: int | None = None
    node: str = ""


class VersionStore(Protocol):
    """Keeps the versions of the settings of an engine, or of several."""

    async def versions(self) -> tuple[Version, ...]:
        """Return the latest `KEPT` versions, the newest first."""
        ...

    async def add(
        self,
        at: datetime,
        author: Author | None,
        action: str,
        differences: tuple[SettingDifference, ...],
        text: str,
        confirm_until: datetime | None,
        returns_to: int | None = None,
    ) -> int:
        """Save a version and return its number, which no other one will have."""
        ...

    async def remove(self, version: int) -> None:
        """Delete a version that did not come into force."""
        ...

    async def confirm(self, version: int) -> None:
        """Mark a version as confirmed."""
        ...


class SettingsHistory:
    """The table `settings_version` of an engine that works alone.

    Settings files contain no secrets, so neither does the table.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self) -> tuple[Version, ...]:
        """Return the latest versions, the newest first."""
        return await self._database.run(latest_versions)

    async def add(
        self,
        at: datetime,
        author: Author | None,
        action: str,
        differences: tuple[SettingDifference, ...],
        text: str,
        confirm_until: datetime | None,
        returns_to: int | None = None,
    ) -> int:
        """Save a version and return its number; of the earlier ones, the last `KEPT` stay."""
        new = Version(
            id=0,
            at=at,
            author=author,
            action=action,
            differences=differences,
            text=text,
            confirm_until=confirm_until,
            returns_to=returns_to,
        )

        def insert(connection: sqlite3.Connection) -> int:
            connection.execute(_PRUNE, (KEPT,))
            return connection.execute(_INSERT, _row(new)[1:]).lastrowid or 0

        return await self._database.run(insert, durably=True)

    async def remove(self, version: int) -> None:
        """Delete a version that did not come into force."""
        await self._database.run(lambda connection: connection.execute(_REMOVE, (version,)))

    async def confirm(self, version: int) -> None:
        """Mark a version as confirmed."""
        await self._database.run(lambda connection: connection.execute(_CONFIRM, (version,)), durably=True)


def write_versions(connection: sqlite3.Connection, versions: Iterable[Version]) -> None:
    """Write versions under their own numbers, instead of all that are there."""
    connection.execute("DELETE FROM settings_version")
    connection.executemany(_WRITE, [_row(each) for each in versions])


def latest_versions(connection: sqlite3.Connection) -> tuple[Version, ...]:
    """Return the latest versions, the newest first."""
    return tuple(_version(row) for row in connection.execute(_SELECT, (KEPT,)))


_SELECT = """
    SELECT id, at, uid, pid, user, action, differences, text, confirm_until, returns_to FROM settings_version
    ORDER BY id DESC LIMIT ?
"""
_INSERT = """
    INSERT INTO settings_version (at, uid, pid, user, action, differences, text, confirm_until, returns_to)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WRITE = """
    INSERT INTO settings_version (id, at, uid, pid, user, action, differences, text, confirm_until, returns_to)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_PRUNE = """
    DELETE FROM settings_version WHERE id NOT IN (SELECT id FROM settings_version ORDER BY id DESC LIMIT ?)
"""
_REMOVE = "DELETE FROM settings_version WHERE id = ?"
_CONFIRM = "UPDATE settings_version SET confirm_until = NULL WHERE id = ?"


def _row(version: Version) -> tuple[str | int | None, ...]:
    author, until = version.author, version.confirm_until
    return (
        version.id,
        version.at.isoformat(),
        *((author.uid, author.pid, author.user) if author else (None, None, None)),
        version.action,
        msgspec.json.encode(version.differences).decode(),
        version.text,
        until.isoformat() if until else None,
        version.returns_to,
    )


def _version(row: tuple[int, str, int | None, int, str, str, str, str, str | None, int | None]) -> Version:
    number, at, uid, pid, user, action, differences, text, until, returns_to = row
    return Version(
        id=number,
        at=datetime.fromisoformat(at),
        author=None if uid is None else Author(uid, pid, user),
        action=action,
        differences=msgspec.json.decode(differences, type=tuple[SettingDifference, ...]),
        text=text,
        confirm_until=None if until is None else datetime.fromisoformat(until),
        returns_to=returns_to,
    )
