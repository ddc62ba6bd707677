"""Somebody else who writes the same presences is noticed at the second time, and not fought."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from engine.core.presence.model import Presence
from engine.core.users import User
from engine.store.errors import DatabaseAway
from engine.store.presence import PresenceRecord
from engine.sync.events import Event, ServiceChanged
from engine.sync.share import Share, Sighting
from engine.sync.tripwire import LOOK, MOST_READ_AGAIN, READ_AGAIN, WITHIN, Tripwire
from tests.support.claims import SharedMemory, SharedShards, TestedOwnership
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

BUSY, DND = Presence("busy", "Busy: Kunde"), Presence("dnd", "Do not disturb")
ROBOT, OTHER = Presence("away", "robot"), Presence("away", "another robot")
ANNA, BEN = User(guid="0", name="anna"), User(guid="1", name="ben")


class Site:
    """An engine that owns both shards; Anna is in shard 0, Ben in shard 1, and what it has written is stored."""

    def __init__(self) -> None:
        shards = SharedShards(2, lambda guid: int(guid) % 2)
        self.store, self.ownership = SharedMemory(shards), TestedOwnership(shards)
        self.ownership.take(0, 1)
        self.share = Share(self.store.sharing(self.ownership))
        self.share.begin([0, 1])
        for claim in self.share.unprepared():
            self.share.prepare(claim)
        self.store.rows |= {user.guid: PresenceRecord(BUSY) for user in (ANNA, BEN)}
        self.clock = ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        self.told: list[Event] = []
        self.read_again: list[list[str]] = []
        self.tripwire = Tripwire(
            self.share, self.clock, self.told.append, lambda guids: self.read_again.append(list(guids))
        )

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.tripwire.run())
        await quiescence()
        yield
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    async def finds(self, found: Presence, user: User = ANNA, confirmed: Presence = BUSY, after: float = 1) -> bool:
        """Find a presence, and return whether this engine may still write the user."""
        self.share.sighted(Sighting(user, found, confirmed))
        await self.clock.advance(max(after, LOOK.total_seconds()))
        await quiescence()
        return self.share.claim(user.guid) is not None


async def test_writing_ends_when_another_presence_is_found_and_goes_on_when_somebody_says_so() -> None:
    site = Site()
    async with site.looking():
        assert await site.finds(ROBOT)
        assert not await site.finds(OTHER)
        assert site.share.claim(BEN.guid) is not None
        assert [claim.shard for claim in site.share.prepared_claims()] == [1]
        assert site.told == [ServiceChanged()]
        problem = site.share.halts.problem
        assert problem is not None
        assert (problem.slug, problem.detail) == ("another-writer", "1 shard, noticed with anna")
        site.share.halts.end()
        site.tripwire.forget()
        assert site.share.claim(ANNA.guid) is not None
        assert await site.finds(OTHER)


async def test_what_was_written_over_and_is_there_again_counts_but_not_what_merely_stays() -> None:
    site = Site()
    async with site.looking():
        for _ in range(3):
            assert await site.finds(ROBOT)
        site.store.rows[ANNA.guid] = PresenceRecord(DND)
        assert not await site.finds(ROBOT, confirmed=DND)


@pytest.mark.parametrize("stored", [PresenceRecord(ROBOT), PresenceRecord(BUSY, intended=ROBOT)])
async def test_what_another_node_has_stored_is_nobody_elses(stored: PresenceRecord) -> None:
    site = Site()
    async with site.looking():
        assert await site.finds(OTHER)
        site.store.rows[ANNA.guid] = stored
        assert await site.finds(ROBOT)


async def test_two_times_far_apart_or_of_different_users_are_no_reason() -> None:
    site = Site()
    async with site.looking():
        assert await site.finds(ROBOT, after=WITHIN.total_seconds())
        assert await site.finds(OTHER)
        assert await site.finds(ROBOT, BEN)
        assert not site.share.halts


async def test_nothing_follows_from_what_cannot_be_compared_with_the_database() -> None:
    site = Site()
    async with site.looking():
        assert await site.finds(ROBOT)
        site.store.failure = DatabaseAway()
        assert await site.finds(OTHER)
        site.store.failure = None
        site.ownership.give_up(0)
        await site.finds(OTHER)
        assert not site.share.halts


async def test_some_of_those_who_are_concerned_are_read_back_each_minute_for_ten() -> None:
    site = Site()
    async with site.looking():
        for number in range(MOST_READ_AGAIN + 5):
            guid = str(2 * number)
            site.store.rows[guid] = PresenceRecord(BUSY)
            site.share.sighted(Sighting(User(guid=guid, name="x"), ROBOT, BUSY))
        for _ in range(int(2 * WITHIN / READ_AGAIN)):
            await site.clock.advance(READ_AGAIN.total_seconds())
            await quiescence()
        assert [len(guids) for guids in site.read_again] == [MOST_READ_AGAIN] * int(WITHIN / READ_AGAIN)
