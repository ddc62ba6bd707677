"""The presences of all users, of which several engines write each its own under a claim."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from engine.core.claims import UNLIMITED, Claim, LeaseEnded
from engine.core.presence.model import Presence, PresenceSettings
from engine.store.errors import SharedDatabaseFailure, StoreFailure
from engine.store.postgres.database import Connection, SharedDatabase, tell
from engine.store.presence import PresenceRecord, PresenceTarget, as_text, settings_from

logger = logging.getLogger(__name__)

AT_A_TIME = 1000
"""Presences that are read in one go, some milliseconds."""

OVERLAP = timedelta(seconds=10)
"""For how long before an earlier request is asked again what was stored."""

SUSPECT = "suspect "
"""How a notice begins that names a user for whom something was sent too late."""


class SharedRemovals:
    """Which removals were let through by any engine. Users are let go by the engine that owns them, whose present term
    `term` returns, "" while it has none."""

    def __init__(self, database: SharedDatabase, term: Callable[[], str]) -> None:
        self._database = database
        self._term = term

    async def settings(self) -> PresenceSettings | None:
        """Return the presence settings let through last; None if there are none or they are unreadable."""
        try:
            [[text]] = await self._database.run(lambda connection: _rows(connection, _LET_THROUGH))
            return None if text is None else settings_from(text)
        except (StoreFailure, msgspec.MsgspecError, ValueError, KeyError) as error:
            logger.warning("the settings last let through cannot be read: %s", type(error).__name__)
            return None

    async def let_go(self) -> frozenset[str]:
        """Return the guids of users who were let go and whose presence is not cleared yet."""
        try:
            rows = await self._database.run(lambda connection: _rows(connection, _LET_GO))
        except StoreFailure as failure:
            logger.warning("the users last let go cannot be read: %s", failure)
            return frozenset()
        return frozenset(guid for (guid,) in rows)

    async def note(self, settings: PresenceSettings, let_go: Set[str]) -> None:
        """Replace both, as far as the users are this engine's own. Raises a `StoreFailure`."""

        term = self._term() or None

        async def note(connection: Connection) -> None:
            await connection.execute(_NOTE_SETTINGS, (as_text(settings),))
            await connection.execute(_OWN_SHARDS, {"term": term})
            await connection.execute(_NOTE_LET_GO, {"term": term, "guids": list(let_go)})

        await self._database.run(note)


@dataclass(frozen=True, slots=True)
class _Write:
    """What follows `_MINE` in a statement about one user: without effect unless the claim is the present one."""

    statement: str
    values: Mapping[str, object] = field(default_factory=dict)


class SharedPresences:
    """The table `presence` and the target it applies to, for the engine whose present term `term` returns.

    What the PBX has confirmed while the database is away stays in memory, and is saved before anything else about that
    user, or by `keep`; unless the user is another engine's by then, who has asked the PBX. An intention is never kept
    in memory: what could not be stored must not be sent.
    """

    def __init__(self, database: SharedDatabase, term: Callable[[], str]) -> None:
        self._database = database
        self.meant = SharedRemovals(database, term)
        self.trouble: StoreFailure | None = None
        self._target: PresenceTarget | None = None
        self._wanted_target: PresenceTarget | None = None
        self._unsaved: dict[str, tuple[Claim, tuple[_Write, ...]]] = {}
        self._saving = asyncio.Lock()

    async def load(self) -> dict[str, PresenceRecord]:
        """Return all known presences, whoever writes them; none while the database is away."""
        try:
            rows = await self._database.run(lambda connection: _rows(connection, PRESENCES))
        except SharedDatabaseFailure as failure:
            self._complain(failure)
            return {}
        return _records(rows)

    async def load_shard(self, claim: Claim) -> dict[str, PresenceRecord]:
        """Return the presences of a shard that was taken. Raises `LeaseEnded`, or a `StoreFailure`."""

        return await self._database.run(lambda connection: self._shard(connection, claim))

    async def set_target(self, place: PresenceTarget) -> None:
        """Set the target that presences are written to from now on; records of another target do not apply to it.

        Engines that still write to another one are refused from then on. Presences of another contact in the same PBX
        become leftovers.
        """
        self._wanted_target = place
        try:
            if not await self._database.run(lambda connection: _is_target(connection, place)):
                await self._database.run(lambda connection: _settle_in(connection, place), long_running=True)
        except SharedDatabaseFailure as failure:
            self._complain(failure)
        else:
            self._target = place

    async def stale_contacts(self) -> dict[str, tuple[str, ...]]:
        """Return the other contacts that still show presences of the engines, by guid; none while the database is
        away."""
        try:
            rows = await self._database.run(lambda connection: _rows(connection, _LEFTOVERS))
        except SharedDatabaseFailure as failure:
            self._complain(failure)
            return {}
        return {guid: tuple(contacts) for guid, contacts in rows}

    async def mark_cleaned(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that this user's other contacts are cleared. Raises `LeaseEnded`."""
        await self._save(guid, claim, _Write(_CLEANED))

    async def intend(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED) -> None:
        """Record that `presence`, valid until `expires`, is about to be sent.

        Raises `LeaseEnded`, or a `StoreFailure`; then it must not be sent.
        """
        await self._write(guid, claim, _Write(_INTEND, _values_of(presence, expires)))

    async def acknowledge(
        self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED
    ) -> None:
        """Record that the PBX shows `presence`, valid until `expires`. Raises `LeaseEnded`."""
        await self._save(guid, claim, _Write(_ACKNOWLEDGE, _values_of(presence, expires)))

    async def withdraw(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Record that the last intended presence was refused: the PBX still shows the acknowledged one. Raises
        `LeaseEnded`."""
        await self._save(guid, claim, _Write(_WITHDRAW))

    async def forget(self, guid: str, claim: Claim = UNLIMITED) -> None:
        """Delete the record of a user. Raises `LeaseEnded`."""
        await self._save(guid, claim, _Write(_FORGET))

    async def suspect(self, guid: str) -> None:
        """Record that something was sent for a user when the claim was over: whoever owns the user asks the PBX.

        Raises a `StoreFailure`.
        """

        async def suspect(connection: Connection) -> None:
            await connection.execute(_SUSPECT, (guid,))
            await tell(connection, f"{SUSPECT}{guid}")

        await self._database.run(suspect)

    async def stored_since(self, instant: datetime | None) -> tuple[datetime, dict[str, PresenceRecord]]:
        """Return the instant of this request, by the database's clock, and what any engine has stored since that of an
        earlier one, None: nothing. What was stored before may be among it. Raises a `StoreFailure`."""

        async def since(connection: Connection) -> tuple[datetime, dict[str, PresenceRecord]]:
            [[now]] = await _rows(connection, "SELECT clock()")
            return now, _records(await _rows(connection, _SINCE, {"since": instant, "overlap": OVERLAP}))

        return await self._database.run(since)

    async def stored_after(self, guid: str) -> dict[str, PresenceRecord]:
        """Return some of the presences of all engines in the order of their guids, of which the first is the next one
        after this; nothing at the end. Raises a `StoreFailure`."""
        return _records(await self._database.run(lambda connection: _rows(connection, _AFTER, (guid, AT_A_TIME))))

    async def keep(self) -> None:
        """Retry saving what could not be saved. What has another owner by now is dropped."""
        if self.trouble is None:
            return
        try:
            if self._wanted_target is not None and self._wanted_target != self._target:
                await self.set_target(self._wanted_target)
            for guid, (claim, _) in tuple(self._unsaved.items()):
                try:
                    await self._write(guid, claim)
                except LeaseEnded:
                    logger.info("a presence that could not be saved has another owner by now")
            await self._database.run(lambda connection: connection.execute("SELECT 1"))
        except SharedDatabaseFailure as failure:
            self._complain(failure)
            return
        if not self._unsaved and self._wanted_target == self._target:
            logger.warning("presences are saved again")
            self.trouble = None

    def not_kept(self) -> dict[str, PresenceRecord]:
        """Return nothing: all that the PBX may show was stored before it was sent."""
        return {}

    async def _save(self, guid: str, claim: Claim, write: _Write) -> None:
        """Store what has happened; if the database is away, later."""
        try:
            await self._write(guid, claim, write)
        except SharedDatabaseFailure:
            _, before = self._unsaved.get(guid, (claim, ()))
            self._unsaved[guid] = claim, (*before, write)

    async def _write(self, guid: str, claim: Claim, *writes: _Write) -> None:
        """Do what could not be saved for this user before, then this, in one transaction."""
        if claim is UNLIMITED:
            raise LeaseEnded("users that are shared are written under a claim")
        if guid not in self._unsaved:
            await self._transact(guid, claim, writes)
            return
        async with self._saving:  # `keep` may be about to save the same
            before_claim, before = self._unsaved.get(guid, (claim, ()))
            is_same = (before_claim.term, before_claim.token) == (claim.term, claim.token)
            try:
                await self._transact(guid, claim, (*before, *writes) if is_same else writes)
            except LeaseEnded:
                self._unsaved.pop(guid, None)
                raise
            self._unsaved.pop(guid, None)

    async def _transact(self, guid: str, claim: Claim, writes: tuple[_Write, ...]) -> None:
        async def write(connection: Connection) -> None:
            for each in writes:
                values = {**self._values(claim), "guid": guid, **each.values}
                if not await _rows(connection, _MINE + each.statement, values):
                    raise LeaseEnded(f"shard {claim.shard}, token {claim.token}")

        try:
            await self._database.run(write)
        except SharedDatabaseFailure as failure:
            self._complain(failure)
            raise

    async def _shard(self, connection: Connection, claim: Claim) -> dict[str, PresenceRecord]:
        """Return the presences of a shard, which nobody takes until the end of the transaction."""
        if not await _rows(connection, _MINE + _ANY, self._values(claim)):
            raise LeaseEnded(f"shard {claim.shard}, token {claim.token}")
        return _records(await _rows(connection, f"{PRESENCES} WHERE shard = %s", (claim.shard,)))

    def _values(self, claim: Claim) -> dict[str, object]:
        if self._target is None:
            raise LeaseEnded("the shared database has not been reached yet")
        place = self._target
        return {
            "shard": claim.shard,
            "term": claim.term,
            "token": claim.token,
            "pbx": place.pbx,
            "contact": place.contact,
        }

    def _complain(self, failure: StoreFailure) -> None:
        if self.trouble is None:
            logger.warning("presences cannot be saved: %s. %s", failure, failure.remedy)
        if self.trouble is None or str(self.trouble) != str(failure):
            self.trouble = failure


_MINE = """
    WITH mine AS (
        SELECT shard, token FROM shard, cluster
        WHERE shard = %(shard)s AND term = %(term)s::uuid AND token = %(token)s
            AND pbx = %(pbx)s AND contact = %(contact)s
        FOR SHARE OF shard FOR KEY SHARE OF cluster
    )
"""
# Whoever takes the shard, or sets another target, waits for the transaction; after that there is no row.

_ANY = "SELECT FROM mine"
PRESENCES = """
    SELECT guid, activity, note, expires, intended_activity, intended_note, intended_expires, suspect FROM presence
"""
# Transactions end in another order than they begin, and the clock may be set back.
_SINCE = f"{PRESENCES} WHERE at > LEAST(%(since)s::timestamptz, clock()) - %(overlap)s AND %(since)s IS NOT NULL"
_AFTER = f"{PRESENCES} WHERE guid > %s ORDER BY guid LIMIT %s"
_INTEND = """
    INSERT INTO presence (guid, shard, token, at, intended_activity, intended_note, intended_expires)
    SELECT %(guid)s, shard, token, clock(), %(activity)s, %(note)s, %(expires)s::timestamptz FROM mine
    ON CONFLICT (guid) DO UPDATE SET
        shard = excluded.shard, token = excluded.token, at = excluded.at,
        intended_activity = excluded.intended_activity, intended_note = excluded.intended_note,
        intended_expires = excluded.intended_expires
    RETURNING guid
"""
_ACKNOWLEDGE = """
    INSERT INTO presence (guid, shard, token, at, activity, note, expires)
    SELECT %(guid)s, shard, token, clock(), %(activity)s, %(note)s, %(expires)s::timestamptz FROM mine
    ON CONFLICT (guid) DO UPDATE SET
        shard = excluded.shard, token = excluded.token, at = excluded.at,
        activity = excluded.activity, note = excluded.note, expires = excluded.expires,
        intended_activity = NULL, intended_note = NULL, intended_expires = NULL, suspect = false
    RETURNING guid
"""
_WITHDRAW = """
    , withdrawn AS (
        UPDATE presence SET intended_activity = NULL, intended_note = NULL, intended_expires = NULL,
            shard = mine.shard, token = mine.token, at = clock()
        FROM mine WHERE guid = %(guid)s
    )
    SELECT FROM mine
"""
_CLEANED = """
    , cleaned AS (
        UPDATE presence SET leftovers = '{}', shard = mine.shard, token = mine.token, at = clock()
        FROM mine WHERE guid = %(guid)s
    )
    SELECT FROM mine
"""
_FORGET = ", forgotten AS (DELETE FROM presence USING mine WHERE guid = %(guid)s) SELECT FROM mine"
_SUSPECT = "UPDATE presence SET suspect = true WHERE guid = %s"
_LEFTOVERS = "SELECT guid, leftovers FROM presence WHERE leftovers <> '{}'"

_LET_THROUGH = "SELECT let_through FROM cluster"
_LET_GO = "SELECT guid FROM presence WHERE let_go"
_NOTE_SETTINGS = "UPDATE cluster SET let_through = %s"
_OWN_SHARDS = "SELECT FROM shard WHERE term = %(term)s::uuid FOR SHARE"
_NOTE_LET_GO = """
    UPDATE presence SET let_go = NOT let_go FROM shard
    WHERE shard.shard = presence.shard AND term = %(term)s::uuid AND let_go <> (guid = ANY(%(guids)s))
"""

_PLACE = "SELECT pbx, contact FROM cluster FOR UPDATE"
_SET_PLACE = "UPDATE cluster SET pbx = %s, contact = %s"
_LEAVE_BEHIND = """
    UPDATE presence SET leftovers = ARRAY(SELECT DISTINCT unnest(leftovers || %s::text) ORDER BY 1)
    WHERE activity IS NULL OR activity <> '' OR note <> '' OR intended_activity IS NOT NULL
"""
_NOT_LEFT_THERE = (
    "UPDATE presence SET leftovers = array_remove(leftovers, %(contact)s) WHERE %(contact)s = ANY(leftovers)"
)
_NOTHING_LEFT = "UPDATE presence SET leftovers = '{}' WHERE leftovers <> '{}'"
# The expiry is kept, because no presence that the PBX may show is true after it.
_DOUBT_ALL = """
    UPDATE presence SET activity = NULL, note = NULL, intended_activity = NULL, intended_note = NULL, at = clock()
"""


async def doubt_all(connection: Connection) -> None:
    """Make all presences unknown, so that the PBX is asked before anything is sent."""
    await connection.execute(_DOUBT_ALL)


async def _is_target(connection: Connection, place: PresenceTarget) -> bool:
    return await _rows(connection, "SELECT pbx, contact FROM cluster") == [(place.pbx, place.contact)]


async def _settle_in(connection: Connection, place: PresenceTarget) -> None:
    [(pbx, contact)] = await _rows(connection, _PLACE)
    before = place if pbx is None else PresenceTarget(pbx, contact)
    if before.pbx != place.pbx:
        await connection.execute(_NOTHING_LEFT)
    elif before.contact != place.contact:
        await connection.execute(_LEAVE_BEHIND, (before.contact,))
        await connection.execute(_NOT_LEFT_THERE, {"contact": place.contact})
    if before != place:
        await doubt_all(connection)
    if place != PresenceTarget(pbx, contact):
        await connection.execute(_SET_PLACE, (place.pbx, place.contact))


async def _rows(connection: Connection, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, values)).fetchall()


def columns_of(record: PresenceRecord) -> dict[str, object]:
    """Return what is stored of a presence, in the order of `PRESENCES`."""
    known, intended = record.acknowledged, record.intended
    return {
        "activity": known.activity if known else None,
        "note": known.note if known else None,
        "expires": record.expires,
        "intended_activity": intended.activity if intended else None,
        "intended_note": intended.note if intended else None,
        "intended_expires": record.intended_expires,
        "suspect": record.suspect,
    }


def _values_of(presence: Presence, expires: datetime | None) -> dict[str, object]:
    return {"activity": presence.activity, "note": presence.note, "expires": expires}


def _records(rows: Iterable[tuple[Any, ...]]) -> dict[str, PresenceRecord]:
    return {row[0]: record_of(row) for row in rows}


def record_of(row: tuple[Any, ...]) -> PresenceRecord:
    """Return the presence in a row of `PRESENCES`."""
    _, activity, note, expires, intended_activity, intended_note, intended_expires, suspect = row
    return PresenceRecord(
        acknowledged=None if activity is None else Presence(activity, note or ""),
        expires=expires,
        intended=None if intended_activity is None else Presence(intended_activity, intended_note or ""),
        intended_expires=intended_expires,
        suspect=suspect,
    )
