"""What the PBX confirmed for each user, so that a restart sends only differences and never a repeat."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from engine.core.presence.model import Presence
from engine.store.database import Database


@dataclass(frozen=True, slots=True)
class Written:
    """What we know of one user's calendar presence in the PBX.

    `acknowledged` is the last one the PBX confirmed (None: we never learned), `expires` the instant from which it is
    not true any more, and `intended` one that was sent without a stored confirmation: what the PBX shows is then
    either of the two.
    """

    acknowledged: Presence | None = None
    expires: datetime | None = None
    intended: Presence | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether only the PBX itself can tell what it shows."""
        return self.acknowledged is None or self.intended is not None


class AcknowledgedPresences:
    """The table `presence`. Each method is one transaction, on disk's way when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[str, Written]:
        """Return everything known, by guid."""
        return await self._database.run(
            lambda connection: {row[0]: _written(row) for row in connection.execute(_SELECT)}
        )

    async def intend(self, guid: str, presence: Presence) -> None:
        """Note that `presence` is about to be sent."""
        await self._database.run(
            lambda connection: connection.execute(_INTEND, (guid, presence.activity, presence.note))
        )

    async def acknowledge(self, guid: str, presence: Presence, expires: datetime | None) -> None:
        """Note that the PBX shows `presence`, which stops being true at `expires`."""
        until = expires.isoformat() if expires else None
        await self._database.run(
            lambda connection: connection.execute(_ACKNOWLEDGE, (guid, presence.activity, presence.note, until))
        )

    async def withdraw(self, guid: str) -> None:
        """Note that what was intended last was refused: the PBX still shows the one acknowledged before."""
        await self._database.run(lambda connection: connection.execute(_WITHDRAW, (guid,)))

    async def forget(self, guid: str) -> None:
        """Drop a user we have nothing more to do with."""
        await self._database.run(lambda connection: connection.execute(_FORGET, (guid,)))


_SELECT = "SELECT guid, activity, note, expires, intended_activity, intended_note FROM presence"
_INTEND = """
    INSERT INTO presence (guid, intended_activity, intended_note) VALUES (?, ?, ?)
    ON CONFLICT (guid) DO UPDATE SET
        intended_activity = excluded.intended_activity, intended_note = excluded.intended_note
"""
_ACKNOWLEDGE = "INSERT OR REPLACE INTO presence (guid, activity, note, expires) VALUES (?, ?, ?, ?)"
_WITHDRAW = "UPDATE presence SET intended_activity = NULL, intended_note = NULL WHERE guid = ?"
_FORGET = "DELETE FROM presence WHERE guid = ?"


def _written(row: sqlite3.Row | tuple[str | None, ...]) -> Written:
    _, activity, note, expires, intended_activity, intended_note = row
    return Written(
        acknowledged=None if activity is None else Presence(activity, note or ""),
        expires=None if expires is None else datetime.fromisoformat(expires),
        intended=None if intended_activity is None else Presence(intended_activity, intended_note or ""),
    )
