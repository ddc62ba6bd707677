"""What clears presences and is meant: the settings that were let through, and who was let go. It outlives a restart."""

import logging
import sqlite3
from collections.abc import Set
from dataclasses import fields
from zoneinfo import ZoneInfo

import msgspec

from engine.core.presence.model import PresenceSettings
from engine.store.database import Database
from engine.store.failures import StoreFailure

logger = logging.getLogger(__name__)


class Meant:
    """The tables `let_through` and `let_go`. What the disk does not take is weighed once more after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self) -> PresenceSettings | None:
        """Return the presence settings that were let through last; None where none were, or none that are known."""
        try:
            row = await self._database.run(lambda connection: connection.execute(_SETTINGS).fetchone())
            return None if row is None else _settings(row[0])
        except (StoreFailure, msgspec.MsgspecError, ValueError, KeyError) as error:  # KeyError: a zone that is gone
            logger.warning("which settings were let through cannot be read: %s", type(error).__name__)
            return None

    async def let_go(self) -> frozenset[str]:
        """Return the guids of those who were let go, and whose presence is not cleared yet."""
        try:
            rows = await self._database.run(lambda connection: connection.execute(_LET_GO).fetchall())
        except StoreFailure as failure:
            logger.warning("who was let go cannot be read: %s", failure)
            return frozenset()
        return frozenset(guid for (guid,) in rows)

    async def note(self, settings: PresenceSettings, let_go: Set[str]) -> None:
        """Write down both, in place of those before; they survive a power cut. Raises a `StoreFailure`."""

        def note(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM let_through")
            connection.execute("INSERT INTO let_through VALUES (?)", (_as_text(settings),))
            connection.execute("DELETE FROM let_go")
            connection.executemany("INSERT INTO let_go VALUES (?)", [(guid,) for guid in let_go])

        await self._database.run(note, durably=True)


_SETTINGS = "SELECT settings FROM let_through"
_LET_GO = "SELECT guid FROM let_go WHERE guid IN (SELECT guid FROM presence)"


def _as_text(settings: PresenceSettings) -> str:
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    plain = values | {"timezone": settings.timezone.key, "mapping": dict(settings.mapping)}
    return msgspec.json.encode(plain).decode()


def _settings(text: str) -> PresenceSettings:
    def zone(kind: type, value: object) -> object:
        return ZoneInfo(str(value)) if kind is ZoneInfo else value

    return msgspec.json.decode(text, type=PresenceSettings, dec_hook=zone)
