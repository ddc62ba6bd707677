"""What the PBX confirmed for each user, so that a restart sends only differences and never a repeat."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from engine.core.presence.model import Presence
from engine.store.database import Database


@dataclass(frozen=True, slots=True)
class Written:
    """What we know of one user's calendar presence in the PBX.

    `acknowledged` is the last one the PBX confirmed (None: we never learned), and `intended` one that was sent without
    a stored confirmation: what the PBX shows is then either of the two. Both expire at an instant from which they are
    not true any more.
    """

    acknowledged: Presence | None = None
    expires: datetime | None = None
    intended: Presence | None = None
    intended_expires: datetime | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether only the PBX itself can tell what it shows."""
        return self.acknowledged is None or self.intended is not None

    @property
    def ends(self) -> datetime | None:
        """From when on nothing is true any more of what the PBX may show; None if that is not known, or never."""
        return max((each for each in (self.expires, self.intended_expires) if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where presences are written: which PBX, and as which contact of a user there."""

    pbx: str
    contact: str


class AcknowledgedPresences:
    """The table `presence`, and where they are. Each method is one transaction, on disk's way when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[str, Written]:
        """Return everything known, by guid."""
        return await self._database.run(
            lambda connection: {row[0]: _written(row) for row in connection.execute(_SELECT)}
        )

    async def settle_in(self, place: Place) -> None:
        """Note where presences are written from now on; what was written elsewhere says nothing about it.

        Those of another contact in the same PBX would stay there for ever: they become `leftovers`.
        """
        await self._database.run(lambda connection: _settle_in(connection, place))

    async def leftovers(self) -> dict[str, tuple[str, ...]]:
        """Return under which other contacts there still is something of ours, by guid."""
        rows = await self._database.run(lambda connection: connection.execute(_LEFTOVERS).fetchall())
        found: dict[str, tuple[str, ...]] = {}
        for guid, contact in rows:
            found[guid] = (*found.get(guid, ()), contact)
        return found

    async def tidied_up(self, guid: str) -> None:
        """Note that nothing is left of this user's `leftovers`."""
        await self._database.run(lambda connection: connection.execute(_TIDIED_UP, (guid,)))

    async def intend(self, guid: str, presence: Presence, expires: datetime | None) -> None:
        """Note that `presence` is about to be sent, which stops being true at `expires`."""
        row = (guid, presence.activity, presence.note, expires.isoformat() if expires else None)
        await self._database.run(lambda connection: connection.execute(_INTEND, row))

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

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET, (guid,))
            connection.execute(_TIDIED_UP, (guid,))

        await self._database.run(forget)


_SELECT = """
    SELECT guid, activity, note, expires, intended_activity, intended_note, intended_expires FROM presence
"""
_INTEND = """
    INSERT INTO presence (guid, intended_activity, intended_note, intended_expires) VALUES (?, ?, ?, ?)
    ON CONFLICT (guid) DO UPDATE SET
        intended_activity = excluded.intended_activity, intended_note = excluded.intended_note,
        intended_expires = excluded.intended_expires
"""
_ACKNOWLEDGE = "INSERT OR REPLACE INTO presence (guid, activity, note, expires) VALUES (?, ?, ?, ?)"
_WITHDRAW = """
    UPDATE presence SET intended_activity = NULL, intended_note = NULL, intended_expires = NULL WHERE guid = ?
"""
_FORGET = "DELETE FROM presence WHERE guid = ?"
# When it ends is kept: what the PBX may show of ours is not true after that, whatever it is.
_DOUBT_ALL = "UPDATE presence SET activity = NULL, note = NULL, intended_activity = NULL, intended_note = NULL"
_LEAVE_BEHIND = """
    INSERT OR IGNORE INTO leftover SELECT guid, ? FROM presence
    WHERE activity IS NULL OR activity <> '' OR note <> '' OR intended_activity IS NOT NULL
"""
_LEFTOVERS = "SELECT guid, contact FROM leftover"
_TIDIED_UP = "DELETE FROM leftover WHERE guid = ?"


def _settle_in(connection: sqlite3.Connection, place: Place) -> None:
    found = connection.execute("SELECT pbx, contact FROM place").fetchone()
    before = place if found is None else Place(*found)
    if before.pbx != place.pbx:
        connection.execute("DELETE FROM leftover")
    elif before.contact != place.contact:
        connection.execute(_LEAVE_BEHIND, (before.contact,))
        connection.execute("DELETE FROM leftover WHERE contact = ?", (place.contact,))
    if before != place:
        connection.execute(_DOUBT_ALL)
    connection.execute("DELETE FROM place")
    connection.execute("INSERT INTO place VALUES (?, ?)", (place.pbx, place.contact))


def _written(row: sqlite3.Row | tuple[str | None, ...]) -> Written:
    _, activity, note, expires, intended_activity, intended_note, intended_expires = row
    return Written(
        acknowledged=None if activity is None else Presence(activity, note or ""),
        expires=None if expires is None else datetime.fromisoformat(expires),
        intended=None if intended_activity is None else Presence(intended_activity, intended_note or ""),
        intended_expires=None if intended_expires is None else datetime.fromisoformat(intended_expires),
    )
