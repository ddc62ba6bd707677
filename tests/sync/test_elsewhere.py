"""The users of other nodes: whose they are, and what is stored for them, is known soon after it changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from msgspec.structs import replace

from engine.core.presence.model import Presence
from engine.core.users import User, UserFilter, UserSelection
from engine.pbx.events import UserRemoved, UserSeen
from engine.store.errors import DatabaseAway
from engine.store.presence import PresenceRecord
from engine.sync.elsewhere import LOOK, SWEEP, Elsewhere, UserElsewhere
from engine.sync.events import Event, UserChanged
from engine.sync.participants import Membership
from engine.sync.share import Share
from tests.support.claims import SharedMemory, SharedShards, TestedOwnership
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

BUSY, AWAY = Presence("busy", "Busy: Kunde"), Presence("away", "")
PEOPLE = [User(guid=f"{number}", name=f"user{number}", groups=("sales",)) for number in range(4)]


class Site:
    """An engine that owns shard 0, where `b` owns the others; user 2 is in shard 2."""

    def __init__(self) -> None:
        self.shards = SharedShards(4, lambda guid: int(guid))
        self.store, ownership = SharedMemory(self.shards), TestedOwnership(self.shards)
        ownership.take(0)
        for shard in (1, 2, 3):
            self.shards.take(shard, "b")
        self.share = Share(self.store.sharing(ownership))
        self.share.begin([0])
        self.directory = Membership(
            {},
            UserSelection(),
            remembered=lambda: (),
            arrived=lambda _: None,
            departing=lambda _: None,
            works_for=self.share.includes,
        )
        for user in PEOPLE:
            self.directory.handle(UserSeen(user))
        self.clock = ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        self.told: list[Event] = []
        self.elsewhere = Elsewhere(self.directory, self.share, self.clock, self.told.append)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.elsewhere.run())
        await quiescence()
        yield
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    async def look(self, seconds: float = LOOK.total_seconds()) -> set[str]:
        """Let a look pass, and return the users of whom something was told."""
        self.told.clear()
        await self.clock.advance(seconds)
        await quiescence()
        return {each.guid for each in self.told if isinstance(each, UserChanged)}

    def record(self, guid: str) -> PresenceRecord | None:
        found = self.elsewhere.of(guid)
        return None if found is None else found.written


async def test_whose_they_are_and_what_is_stored_is_known_and_told() -> None:
    site = Site()
    site.store.rows |= {user.guid: PresenceRecord(BUSY) for user in PEOPLE}
    async with site.looking():
        assert site.elsewhere.guids() == ("1", "2", "3")
        assert {each.guid for each in site.told if isinstance(each, UserChanged)} == {"1", "2", "3"}
        assert site.elsewhere.of("1") == UserElsewhere(PEOPLE[1], "b", PresenceRecord(BUSY))
        assert site.elsewhere.of("0") is None
        assert site.elsewhere.counted() == {"b": 3}
        assert await site.look() == set()
        site.store.rows["2"] = PresenceRecord(AWAY)
        assert await site.look() == {"2"}
        assert site.record("2") == PresenceRecord(AWAY)
        site.shards.owners[3] = "c"
        del site.shards.owners[1]
        assert await site.look() == {"1", "3"}
        assert [site.elsewhere.of(guid).node for guid in ("1", "3")] == ["", "c"]  # type: ignore[union-attr]
        assert site.elsewhere.counted() == {"": 1, "b": 1, "c": 1}


async def test_a_database_that_is_away_leaves_what_was_known_and_deletions_are_found_by_the_next_sweep() -> None:
    site = Site()
    site.store.rows |= {user.guid: PresenceRecord(BUSY) for user in PEOPLE}
    async with site.looking():
        site.store.failure = DatabaseAway()
        site.store.rows["1"] = PresenceRecord(AWAY)
        assert await site.look() == set()
        assert site.record("1") == PresenceRecord(BUSY)
        site.store.failure = None
        assert await site.look() == {"1"}
        del site.store.rows["3"]
        assert await site.look() == set()
        assert await site.look(SWEEP.total_seconds()) == {"3"}
        assert site.record("3") == PresenceRecord()


async def test_who_is_deselected_or_deleted_is_no_user_any_more() -> None:
    site = Site()
    async with site.looking():
        site.directory.handle(UserRemoved("1"))
        assert site.elsewhere.guids() == ("2", "3")
        site.directory.handle(UserSeen(replace(PEOPLE[2], groups=("service",))))
        selection = UserSelection(include=UserFilter(groups=("sales",)))
        site.directory.adjust(selection)
        assert await site.look() >= {"2", "3"}
        assert site.elsewhere.guids() == ("3",)
        assert site.elsewhere.of("2") is None
