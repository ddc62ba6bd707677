"""The settings that several engines share: their versions, of which one is in force for all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from engine.settings.forms import SettingDifference
from engine.store.audit import AuditRecord
from engine.store.errors import SettingsChangedElsewhere
from engine.store.postgres.audit import add_records
from engine.store.postgres.database import Connection, SharedDatabase, storable, tell
from engine.store.settings_history import KEPT, Author, Version
from engine.store.shared_history import SharedLook


class SharedHistory:
    """The table `settings_version`, and which version is in force, for the engine named `node`.

    `seen` is the version that was in force when this engine read it last, 0 before there is one. A change is refused
    where another one has come into force since: two that are made of the same settings do not both succeed. Numbers are
    never used again.
    """

    def __init__(self, database: SharedDatabase, node: str) -> None:
        self._database = database
        self.node = node
        self.seen = 0

    async def versions(self) -> tuple[Version, ...]:
        """Return the latest versions, the newest first."""
        return await self._database.run(latest_versions)

    async def look(self) -> SharedLook:
        """Return what is in force now."""
        return await self._database.run(_look)

    async def read(self) -> tuple[SharedLook, tuple[Version, ...]]:
        """Return what is in force, with the latest versions up to it. Changes are made of what was read last."""

        async def read(connection: Connection) -> tuple[SharedLook, tuple[Version, ...]]:
            look = await _look(connection)
            return look, tuple(each for each in await latest_versions(connection) if each.id <= look.version)

        look, versions = await self._database.run(read)
        self.seen = look.version
        return look, versions

    async def add(
        self,
        at: datetime,
        author: Author | None,
        action: str,
        differences: tuple[SettingDifference, ...],
        text: str,
        confirm_until: datetime | None,
        returns_to: int | None = None,
        audit: Sequence[AuditRecord] = (),
        *,
        only_overdue: bool = False,
    ) -> int:
        """Put a version in force, with the records that tell of it, and return its number.

        Raises `SettingsChangedElsewhere` if another version than `seen` is in force; with `only_overdue` also if that
        was confirmed, or may be still.
        """
        new = Version(
            id=0,
            at=at,
            author=author,
            action=action,
            differences=differences,
            text=text,
            confirm_until=confirm_until,
            returns_to=returns_to,
            node=self.node,
        )

        async def put(connection: Connection) -> int:
            present = await _number(connection, _PRESENT)
            if present != self.seen:
                raise SettingsChangedElsewhere(f"version {present} is in force")
            if only_overdue and not (await _look(connection)).is_overdue:
                raise SettingsChangedElsewhere(f"version {present} was confirmed, or may be still")
            await connection.execute(_PRUNE, (KEPT,))
            number = await _number(connection, _INSERT, _values(new, self.seen))
            await connection.execute(_PUT_IN_FORCE, (number,))
            await add_records(connection, self.node, audit)
            await tell(connection, "settings")
            return number

        self.seen = await self._database.run(put)
        return self.seen

    async def remove(self, version: int) -> None:
        """Delete a version that did not come into force here; the one before it is in force again, unless another one
        is by now."""

        async def remove(connection: Connection) -> int | None:
            await connection.execute(_PRESENT)
            returned = await (await connection.execute(_RETURN, {"id": version})).fetchone()
            await connection.execute(_REMOVE, (version,))
            await tell(connection, "settings")
            return None if returned is None else returned[0]

        before = await self._database.run(remove)
        if before is not None and self.seen == version:
            self.seen = before

    async def confirm(self, version: int, audit: Sequence[AuditRecord] = ()) -> None:
        """Mark a version as confirmed, wherever it was made, with the records that tell of it.

        Raises `SettingsChangedElsewhere` if it is not in force any more, or confirmed already.
        """

        async def confirm(connection: Connection) -> None:
            if await _number(connection, _PRESENT) != version:
                raise SettingsChangedElsewhere(f"version {version} is not in force any more")
            if not (await connection.execute(_CONFIRM, (version,))).rowcount:
                raise SettingsChangedElsewhere(f"version {version} is confirmed already")
            await add_records(connection, self.node, audit)
            await tell(connection, "settings")

        await self._database.run(confirm)

    async def report(self, term: str, version: int) -> None:
        """Tell the others what version is in force at this engine, whose membership is `term`."""
        await self._database.run(lambda connection: connection.execute(_REPORT, (version, term)))

    async def behind(self, version: int) -> tuple[str, ...]:
        """Return the names of the other engines at which this version is not in force yet."""

        async def behind(connection: Connection) -> tuple[str, ...]:
            rows = await (await connection.execute(_BEHIND, (version, self.node))).fetchall()
            return tuple(node for (node,) in rows)

        return await self._database.run(behind)


async def _look(connection: Connection) -> SharedLook:
    [(version, until, is_overdue, secrets, now)] = await (await connection.execute(_LOOK)).fetchall()
    return SharedLook(version=version, confirm_until=until, is_overdue=is_overdue, secrets=secrets, now=now)


async def latest_versions(connection: Connection) -> tuple[Version, ...]:
    """Return the latest versions, the newest first."""
    return await _versions(connection, _LATEST, (KEPT,))


async def write_versions(connection: Connection, versions: Sequence[Version], node: str) -> None:
    """Write the versions of a `node`, the newest first, where there are none, under their own numbers; the newest is in
    force."""
    previous = 0
    for version in reversed(versions):
        values = _values(replace(version, node=node), previous)
        await connection.execute(_WRITE, {**values, "id": version.id})
        previous = version.id
    if versions:
        await connection.execute(_PUT_IN_FORCE, (previous,))
        await connection.execute(_NUMBERS_USED)


async def _number(connection: Connection, statement: str, values: Any = None) -> int:
    [(number,)] = await (await connection.execute(statement, values)).fetchall()
    return int(number)


async def _versions(connection: Connection, statement: str, values: Any = None) -> tuple[Version, ...]:
    return tuple([_version(row) async for row in await connection.execute(statement, values)])


_SELECT = """
    SELECT settings_version.id, at, uid, pid, "user", action, differences, text, confirm_until, returns_to, node
    FROM settings_version
"""
_LATEST = f"{_SELECT} ORDER BY id DESC LIMIT %s"
_LOOK = """
    SELECT cluster.settings, confirm_until, COALESCE(confirm_until <= clock(), false), cluster.secrets, clock()
    FROM cluster LEFT JOIN settings_version ON settings_version.id = cluster.settings
"""
_REPORT = "UPDATE term SET settings = %s WHERE term = %s AND ended IS NULL"
_BEHIND = "SELECT DISTINCT node FROM term WHERE ended IS NULL AND settings < %s AND node <> %s ORDER BY node"
_PRESENT = "SELECT settings FROM cluster FOR NO KEY UPDATE"
_INSERT = """
    INSERT INTO settings_version
        (at, node, uid, pid, "user", action, differences, text, confirm_until, previous, returns_to)
    VALUES (%(at)s, %(node)s, %(uid)s, %(pid)s, %(user)s, %(action)s, %(differences)s, %(text)s, %(until)s,
        %(previous)s, %(returns_to)s)
    RETURNING id
"""
_WRITE = """
    INSERT INTO settings_version
        (id, at, node, uid, pid, "user", action, differences, text, confirm_until, previous, returns_to)
    OVERRIDING SYSTEM VALUE
    VALUES (%(id)s, %(at)s, %(node)s, %(uid)s, %(pid)s, %(user)s, %(action)s, %(differences)s, %(text)s, %(until)s,
        %(previous)s, %(returns_to)s)
"""
_NUMBERS_USED = """
    SELECT setval(pg_get_serial_sequence('calendar_engine.settings_version', 'id'), max(id)) FROM settings_version
"""
_PUT_IN_FORCE = "UPDATE cluster SET settings = %s"
_PRUNE = "DELETE FROM settings_version WHERE id NOT IN (SELECT id FROM settings_version ORDER BY id DESC LIMIT %s)"
_RETURN = """
    UPDATE cluster SET settings = previous FROM settings_version
    WHERE settings_version.id = %(id)s AND settings = settings_version.id RETURNING settings
"""
_REMOVE = "DELETE FROM settings_version WHERE id = %s"
_CONFIRM = "UPDATE settings_version SET confirm_until = NULL WHERE id = %s AND confirm_until IS NOT NULL"


def _values(version: Version, previous: int) -> dict[str, object]:
    author = version.author
    return {
        "at": version.at,
        "node": version.node,
        "uid": author.uid if author else None,
        "pid": author.pid if author else None,
        "user": storable(author.user) if author else None,
        "action": version.action,
        "differences": msgspec.json.encode(version.differences).decode(),
        "text": version.text,
        "until": version.confirm_until,
        "returns_to": version.returns_to,
        "previous": previous,
    }


def _version(row: tuple[Any, ...]) -> Version:
    number, at, uid, pid, user, action, differences, text, until, returns_to, node = row
    return Version(
        id=number,
        at=at,
        author=None if uid is None else Author(uid, pid, user),
        action=action,
        differences=msgspec.json.decode(differences, type=tuple[SettingDifference, ...]),
        text=text,
        confirm_until=until,
        returns_to=returns_to,
        node=node,
    )
