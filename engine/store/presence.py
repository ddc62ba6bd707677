"""Store of acknowledged presences and intended removals."""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from engine.core.claims import UNLIMITED, Claim
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.store.database import Database
from engine.store.errors import PresencesNotKept, StoreFailure

logger = logging.getLogger(__name__)


class IntendedRemovals:
    """The tables `let_through` and `let_go`. If saving fails, the change is evaluated again after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self) -> PresenceSettings | None:
        """Return the presence settings let through last; None if there are none or they are unreadable."""
        try:
            row = await self._database.run(lambda connection: connection.execute(_SETTINGS).fetchone())
            return None if row is None else settings_from(row[0])
        except (StoreFailure, msgspec.MsgspecError, ValueError, KeyError) as error:  # KeyError: a removed time zone
            logger.warning("the settings last let through cannot be read: %s", type(error).__name__)
            return None

    async def let_go(self) -> frozenset[str]:
        """Return the guids of users who were let go and whose presence is not cleared yet."""
        try:
            rows = await self._database.run(lambda connection: connection.execute(_LET_GO).fetchall())
        except StoreFailure as failure:
            logger.warning("the users last let go cannot be read: %s", failure)
            return frozenset()
        return frozenset(guid for (guid,) in rows)

    async def note(self, settings: PresenceSettings, let_go: Set[str]) -> None:
        """Replace both durably; they survive a power cut. Raises a `StoreFailure`."""

        def note(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM let_through")
            connection.execute("INSERT INTO let_through VALUES (?)", (as_text(settings),))
            connection.execute("DELETE FROM let_go")
            connection.executemany("INSERT INTO let_go VALUES (?)", [(guid,) for guid in let_go])

        await self._database.run(note, durably=True)


_SETTINGS = "SELECT settings FROM let_through"
_LET_GO = "SELECT guid FROM let_go WHERE guid IN (SELECT guid FROM presence)"


def as_text(settings: PresenceSettings) -> str:
    """Return presence settings as they are kept."""
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    plain = values | {"timezone": settings.timezone.key, "mapping": dict(settings.mapping)}
    return msgspec.json.encode(plain).decode()


def settings_from(text: str) -> PresenceSettings:
    """Return the presence settings that were kept as `text`. Raises KeyError for a time zone that no longer exists,
    `ValueError` or `msgspec.MsgspecError`."""

    def zone(kind: type, value: object) -> object:
        return ZoneInfo(str(value)) if kind is ZoneInfo else value

    return msgspec.json.decode(text, type=PresenceSettings, dec_hook=zone)


class PresenceRecord(msgspec.Struct, frozen=True, gc=False):
    """Known state of one user's calendar presence in the PBX.

    `acknowledged` is the last one the PBX confirmed (None: unknown), `intended` one that was sent without a stored
    confirmation; the PBX then shows either of the two. Both expire at an instant from which they are no longer true.
    `suspect`: another engine may have written since, which was stopped while it did.
    """

    acknowledged: Presence | None = None
    expires: datetime | None = None
    intended: Presence | None = None
    intended_expires: datetime | None = None
    suspect: bool = False

    @property
    def in_doubt(self) -> bool:
        """Whether only the PBX knows which presence it shows."""
        return self.acknowledged is None or self.intended is not None or self.suspect

    @property
    def ends(self) -> datetime | None:
        """The instant from which nothing the PBX may show is true any longer; None if unknown or never."""
        return max((each for each in (self.expires, self.intended_expires) if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class PresenceTarget:
    """Target of presences: the PBX, and the presence contact of its users."""

    pbx: str
    contact: str


class RemovalsStore(Protocol):
    """Remembers which removals of presences were let through."""

    async def settings(self) -> PresenceSettings | None:
        """Return the presence settings let through last; None if there are none or they are unreadable."""
        ...

    async def let_go(self) -> frozenset[str]:
        """Return the guids of users who were let go and whose presence is not cleared yet."""
        ...

    async def note(self, settings: PresenceSettings, let_go: Set[str]) -> None:
        """Replace both durably. Raises a `StoreFailure`."""
        ...


class PresenceStore(Protocol):
    """Remembers what the PBX shows: of an engine that works alone, or under the claims of several.

    Whoever writes users with others passes the claim to the user; `LeaseEnded` is raised where it is over. `intend`
    raises a `StoreFailure` if what was not stored must not be sent.
    """

    @property
    def meant(self) -> RemovalsStore:
        """Which presences are cleared intentionally."""
        ...

    @property
    def trouble(self) -> StoreFailure | None:
        """Why presences cannot be saved at the moment."""
        ...

    async def load(self) -> dict[str, PresenceRecord]:
        """Return all known presences, by guid."""
        ...

    async def set_target(self, place: PresenceTarget) -> None:
        """Set the target that presences are written to from now on; records of another target do not apply to it."""
        ...

    async def stale_contacts(self) -> dict[str, tuple[str, ...]]:
        """Return the other contacts that still show presences of the engine, by guid."""
        ...

    async def mark_cleaned(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that this user's other contacts are cleared."""
        ...

    async def intend(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED) -> None:
        """Record that `presence`, valid until `expires`, is about to be sent."""
        ...

    async def acknowledge(
        self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED
    ) -> None:
        """Record that the PBX shows `presence`, valid until `expires`."""
        ...

    async def withdraw(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that the last intended presence was refused: the PBX still shows the acknowledged one."""
        ...

    async def forget(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Delete the record of a user."""
        ...

    async def keep(self) -> None:
        """Retry saving what could not be saved."""
        ...

    def not_kept(self) -> dict[str, PresenceRecord]:
        """Return the presences that the PBX may show and that would be unknown after a restart, by guid."""
        ...


class AcknowledgedPresences:
    """The table `presence` of an engine that works alone, and the target it applies to. Claims mean nothing to it. Each
    method is one transaction, committed when it returns.

    What cannot be saved stays in memory until `keep` succeeds, and `trouble` reports it meanwhile. `meant` records
    which presences are cleared intentionally.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.meant = IntendedRemovals(database)
        self._written: dict[str, PresenceRecord] = {}
        self._leftovers: dict[str, tuple[str, ...]] = {}
        self._place: PresenceTarget | None = None
        self._not_kept: set[str] = set()
        self._is_read = False
        self.trouble: PresencesNotKept | None = None

    async def load(self) -> dict[str, PresenceRecord]:
        """Return all known presences, by guid."""
        if self.trouble is None:
            try:
                self._written = await self._database.run(all_presences)
            except StoreFailure as failure:
                self._complain(failure)
            else:
                self._is_read = True
        return dict(self._written)

    async def set_target(self, place: PresenceTarget) -> None:
        """Set the target that presences are written to from now on; records of another target do not apply to it.

        Presences of another contact in the same PBX would otherwise stay there: they become `leftovers`.
        """
        before, self._place = self._place, place
        await self._store(None, lambda connection: _settle_in(connection, place))
        if self.trouble is not None and before is not None and before != place:
            self._move(before, place)

    async def stale_contacts(self) -> dict[str, tuple[str, ...]]:
        """Return the other contacts that still show presences of the engine, by guid."""
        if self.trouble is None:
            try:
                self._leftovers = await self._database.run(all_leftovers)
            except StoreFailure as failure:
                self._complain(failure)
        return dict(self._leftovers)

    async def mark_cleaned(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that this user's `leftovers` are cleared."""
        self._leftovers.pop(guid, None)
        await self._store(guid, lambda connection: connection.execute(_TIDIED_UP, (guid,)))

    async def intend(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED) -> None:
        """Record that `presence`, valid until `expires`, is about to be sent."""
        known = self._written.get(guid, PresenceRecord())
        self._written[guid] = replace(known, intended=presence, intended_expires=expires)
        row = (guid, presence.activity, presence.note, expires.isoformat() if expires else None)
        await self._store(guid, lambda connection: connection.execute(_INTEND, row))

    async def acknowledge(
        self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED
    ) -> None:
        """Record that the PBX shows `presence`, valid until `expires`."""
        known = self._written.get(guid, PresenceRecord())
        is_known = known.acknowledged == presence and known.intended is None
        self._written[guid] = PresenceRecord(presence, expires)
        until = expires.isoformat() if expires else None
        row = (guid, presence.activity, presence.note, until)
        await self._store(None if is_known else guid, lambda connection: connection.execute(_ACKNOWLEDGE, row))

    async def withdraw(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that the last intended presence was refused: the PBX still shows the acknowledged one."""
        if guid in self._written:
            self._written[guid] = replace(self._written[guid], intended=None, intended_expires=None)
        await self._store(guid, lambda connection: connection.execute(_WITHDRAW, (guid,)))

    async def forget(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Delete the record of a user."""
        self._written.pop(guid, None)
        self._leftovers.pop(guid, None)

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET, (guid,))
            connection.execute(_TIDIED_UP, (guid,))

        await self._store(guid, forget)

    async def keep(self) -> None:
        """Retry saving everything that could not be saved: the file may have been replaced by another.

        Records in the file stay there unless they were read before.
        """
        if self.trouble is None:
            return
        written, leftovers, place = dict(self._written), dict(self._leftovers), self._place
        before, self._not_kept = self._not_kept, set()
        try:
            await self._database.reopen()
            await self._database.run(
                lambda connection: write_all(connection, written, leftovers, place, instead=self._is_read)
            )
        except StoreFailure as failure:
            self._not_kept |= before
            self._complain(failure)
            return
        if not self._not_kept:
            logger.warning("presences are saved again")
            self.trouble = None

    def not_kept(self) -> dict[str, PresenceRecord]:
        """Return the presences that the PBX may show and that would be unknown after a restart, by guid."""
        return {guid: self._written[guid] for guid in self._not_kept if guid in self._written}

    async def _store(self, guid: str | None, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do `work`; if it fails, remember that `guid` (None: nothing new) is not saved."""
        if self.trouble is None:
            try:
                await self._database.run(work)
            except StoreFailure as failure:
                self._complain(failure)
            else:
                return
        if guid is not None:
            self._not_kept.add(guid)

    def _complain(self, failure: StoreFailure) -> None:
        if self.trouble is None:
            logger.warning("presences cannot be saved and are kept in memory: %s. %s", failure, failure.remedy)
        if self.trouble is None or self.trouble.detail != str(failure):
            self.trouble = PresencesNotKept(str(failure))

    def _move(self, before: PresenceTarget, place: PresenceTarget) -> None:
        """Do in memory what `_settle_in` does on disk."""
        if before.pbx != place.pbx:
            self._leftovers.clear()
        else:
            for guid, written in self._written.items():
                if written != PresenceRecord(CLEARED):
                    there = {*self._leftovers.get(guid, ()), before.contact} - {place.contact}
                    self._leftovers[guid] = tuple(sorted(there))
        self._written = {guid: PresenceRecord(expires=each.ends) for guid, each in self._written.items()}


_SELECT = """
    SELECT guid, activity, note, expires, intended_activity, intended_note, intended_expires FROM presence
"""
_INSERT = """
    INSERT OR REPLACE INTO presence (guid, activity, note, expires, intended_activity, intended_note, intended_expires)
    VALUES (?, ?, ?, ?, ?, ?, ?)
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
# The expiry is kept, because no presence that the PBX may show is true after it.
_DOUBT_ALL = "UPDATE presence SET activity = NULL, note = NULL, intended_activity = NULL, intended_note = NULL"
_LEAVE_BEHIND = """
    INSERT OR IGNORE INTO leftover SELECT guid, ? FROM presence
    WHERE activity IS NULL OR activity <> '' OR note <> '' OR intended_activity IS NOT NULL
"""
_LEFTOVERS = "SELECT guid, contact FROM leftover"
_TIDIED_UP = "DELETE FROM leftover WHERE guid = ?"


def all_presences(connection: sqlite3.Connection) -> dict[str, PresenceRecord]:
    """Return all known presences, by guid."""
    return {row[0]: _written(row) for row in connection.execute(_SELECT)}


def all_leftovers(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the other contacts that still show presences of the engine, by guid."""
    found: dict[str, tuple[str, ...]] = {}
    for guid, contact in connection.execute(_LEFTOVERS):
        found[guid] = (*found.get(guid, ()), contact)
    return found


def place_of(connection: sqlite3.Connection) -> PresenceTarget | None:
    """Return the target that the presences apply to, None if none was ever set."""
    found = connection.execute("SELECT pbx, contact FROM place").fetchone()
    return None if found is None else PresenceTarget(*found)


def doubt_all(connection: sqlite3.Connection) -> None:
    """Make all presences unknown, so that the PBX is asked before anything is sent."""
    connection.execute(_DOUBT_ALL)


def _settle_in(connection: sqlite3.Connection, place: PresenceTarget) -> None:
    found = place_of(connection)
    before = found or place
    if found == place:
        return  # A full disk refuses even to rewrite the same row, but can still be read.
    if before.pbx != place.pbx:
        connection.execute("DELETE FROM leftover")
    elif before.contact != place.contact:
        connection.execute(_LEAVE_BEHIND, (before.contact,))
        connection.execute("DELETE FROM leftover WHERE contact = ?", (place.contact,))
    if before != place:
        doubt_all(connection)
    connection.execute("DELETE FROM place")
    connection.execute("INSERT INTO place VALUES (?, ?)", (place.pbx, place.contact))


def write_all(
    connection: sqlite3.Connection,
    written: Mapping[str, PresenceRecord],
    leftovers: Mapping[str, tuple[str, ...]],
    place: PresenceTarget | None,
    *,
    instead: bool,
) -> None:
    """Write all of these; `instead` of everything that is there, or beside it."""
    for table in ("presence", "leftover", "place") if instead else ("place",):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
    connection.executemany(_INSERT, [_row(guid, each) for guid, each in written.items()])
    left = [(guid, contact) for guid, contacts in leftovers.items() for contact in contacts]
    connection.executemany("INSERT OR IGNORE INTO leftover VALUES (?, ?)", left)
    if place is not None:
        connection.execute("INSERT INTO place VALUES (?, ?)", (place.pbx, place.contact))


def _row(guid: str, written: PresenceRecord) -> tuple[str | None, ...]:
    known, intended = written.acknowledged, written.intended
    return (
        guid,
        known.activity if known else None,
        known.note if known else None,
        written.expires.isoformat() if written.expires else None,
        intended.activity if intended else None,
        intended.note if intended else None,
        written.intended_expires.isoformat() if written.intended_expires else None,
    )


def _written(row: sqlite3.Row | tuple[str | None, ...]) -> PresenceRecord:
    _, activity, note, expires, intended_activity, intended_note, intended_expires = row
    return PresenceRecord(
        acknowledged=None if activity is None else Presence(activity, note or ""),
        expires=None if expires is None else datetime.fromisoformat(expires),
        intended=None if intended_activity is None else Presence(intended_activity, intended_note or ""),
        intended_expires=None if intended_expires is None else datetime.fromisoformat(intended_expires),
    )
