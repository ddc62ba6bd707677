"""An engine that owns some shards works for their users, and knows of the others only who they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.core.appointments import ShowAs
from engine.core.presence.model import CLEARED, Presence
from engine.simulator.company import Company
from engine.store.presence import PresenceRecord
from engine.sync.events import ServiceChanged, UserChanged
from engine.sync.share import Sharing
from tests.support.claims import SharedMemory, SharedShards, TestedClaim, TestedOwnership
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence
from tests.support.site import Site, running_engine
from tests.sync.test_pbx_state_machine import new_world

BUSY = Presence("busy", "until 3pm")


@dataclass
class Owning:
    """A site whose user p0 is in shard 0, p1 in shard 1 and so on; `names` are those of a set of guids."""

    site: Site
    store: SharedMemory
    ownership: TestedOwnership
    sharing: Sharing

    def take(self, *shards: int) -> None:
        self.ownership.take(*shards)
        self.site.engine.shards.taken(shards)

    def lose(self, *shards: int) -> None:
        self.site.engine.shards.lost(shards)
        self.ownership.give_up(*shards)

    async def settled(self) -> None:
        await quiescence()
        await self.site.settled()

    def names(self, guids: object) -> set[str]:
        assert isinstance(guids, tuple)
        return {person.name for person in self.site.company.world.people if person.guid in guids}

    def read(self) -> list[str]:
        """The mailboxes whose calendars were read, in order."""
        records = self.site.company.exchange.ledger.records(operation="FindItem")
        return [record.mailbox.partition("@")[0] for record in records]

    def watched(self) -> set[str]:
        of = self.site.company.exchange.subscriptions.of
        return {person.name for person in self.site.company.world.people if of(person.mailbox or "")}


@asynccontextmanager
async def owning(directory: Path, rows: dict[str, PresenceRecord] | None = None) -> AsyncIterator[Owning]:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    numbers = {person.guid: number for number, person in enumerate(world.people)}
    names = {person.name: person.guid for person in world.people}
    shards = SharedShards(len(numbers), lambda guid: numbers.get(guid, 0))
    store, ownership = SharedMemory(shards), TestedOwnership(shards)
    sharing = store.sharing(ownership)
    store.rows.update({names.get(name, name): row for name, row in (rows or {}).items()})
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("meeting", "09:00-15:00", show_as=ShowAs.BUSY))
    tables: dict[str, dict[str, Any]] = {
        "exchange": {"connections": 1},
        "engine": {"state_dir": str(directory / "state")},
    }
    async with (
        Company(world, directory, clock) as company,
        running_engine(company, clock, directory, tables, sharing=sharing) as site,
    ):
        await eventually(lambda: len(site.engine.pbx_access.users()) == len(numbers))
        yield Owning(site, store, ownership, sharing)


async def test_only_its_own_users_are_read_watched_and_written(tmp_path: Path) -> None:
    async with owning(tmp_path) as owner:
        engine, people = owner.site.engine, owner.site.company.world.people
        assert engine.guids() == ()
        owner.take(0, 1)
        await eventually(lambda: owner.site.company.pbx.ledger.writes)
        await owner.settled()
        assert owner.names(engine.guids()) == owner.watched() == set(owner.read()) == {"p0", "p1"}
        written = {write.guid for write in owner.site.company.pbx.ledger.writes}
        assert written == owner.store.rows.keys() == {people[0].guid, people[1].guid}
        assert engine.summary(people[2].guid) is None
        assert len(engine.pbx_access.users()) == 4, "it is known who the others are"
        assert engine.status().users == 2


async def test_who_is_lost_is_let_alone_and_who_comes_back_is_not_written_again(tmp_path: Path) -> None:
    async with owning(tmp_path) as owner:
        engine, guid = owner.site.engine, owner.site.company.world.people[0].guid
        owner.take(0, 1)
        await eventually(lambda: len(owner.site.company.pbx.ledger.writes) == 2)
        await owner.settled()
        stored, owner.site.events[:] = dict(owner.store.rows), []
        owner.lose(0)
        assert owner.names(engine.guids()) == {"p1"}
        assert engine.summary(guid) is None
        assert UserChanged(guid) in owner.site.events
        assert {user.guid for user in engine.pbx_access.users()} >= {guid}
        await engine.shards.answered([0])
        await eventually(lambda: owner.watched() == {"p1"})
        reads = len(owner.read())
        owner.site.company.pbx.update_user(owner.site.company.pbx.users[0])
        await owner.site.pass_time(24 * 60)
        assert set(owner.read()[reads:]) == {"p1"}
        assert owner.store.rows[guid] == stored[guid]
        writes = len(owner.site.company.pbx.ledger.writes_of(guid))
        owner.take(0)
        await eventually(lambda: owner.names(engine.guids()) == {"p0", "p1"})
        await eventually(lambda: owner.watched() == {"p0", "p1"})
        await owner.settled()
        assert len(owner.site.company.pbx.ledger.writes_of(guid)) == writes + 1, "the meeting is over by now"
        assert owner.site.company.pbx.calendar_presence(guid) == owner.site.expected(owner.site.company.world.people[0])


async def test_those_whose_presence_has_expired_are_read_first(tmp_path: Path) -> None:
    now = new_world().instant("09:20")
    rows = {
        "p0": PresenceRecord(BUSY, now + timedelta(hours=2)),
        "p1": PresenceRecord(CLEARED),
        "p2": PresenceRecord(BUSY, now - timedelta(hours=1)),
        "p3": PresenceRecord(BUSY, now + timedelta(hours=1)),
    }
    async with owning(tmp_path, rows) as owner:
        owner.take(0, 1, 2, 3)
        await eventually(lambda: len(owner.read()) == 4)
        assert owner.read() == ["p2", "p3", "p0", "p1"]


async def test_who_was_deleted_in_the_pbx_meanwhile_is_forgotten(tmp_path: Path) -> None:
    async with owning(tmp_path, {"f" * 32: PresenceRecord(BUSY)}) as owner:
        owner.take(0)
        await eventually(lambda: "f" * 32 not in owner.store.rows)
        await owner.settled()
        assert owner.names(owner.site.engine.guids()) == {"p0"}


async def test_what_the_database_has_lost_is_stored_again_once_that_is_allowed(tmp_path: Path) -> None:
    async with owning(tmp_path) as owner:
        owner.take(0, 1)
        await eventually(lambda: len(owner.site.company.pbx.ledger.writes) == 2)
        await owner.settled()
        stored, uncertain = dict(owner.store.rows), owner.ownership.claims[0]
        uncertain.end()
        owner.store.rows.clear()
        owner.site.engine.shards.server_changed()
        second = owner.site.company.world.people[1].guid
        await eventually(lambda: owner.store.rows == {second: stored[second]})
        owner.ownership.claims[0] = TestedClaim(uncertain.token, 0, uncertain.term)
        await eventually(lambda: owner.store.rows == stored)
        assert len(owner.site.company.pbx.ledger.writes) == 2


async def test_calendars_are_read_on_while_a_claim_has_run_out(tmp_path: Path) -> None:
    async with owning(tmp_path) as owner:
        person = owner.site.company.world.people[0]
        owner.take(0)
        await eventually(lambda: owner.site.company.pbx.ledger.writes)
        await owner.settled()
        owner.ownership.claims[0].end()
        owner.site.company.world.clear(person.mailbox or "")
        reads = len(owner.read())
        await eventually(lambda: len(owner.read()) > reads)
        await eventually(lambda: (summary := owner.site.engine.summary(person.guid)) and summary.desired == CLEARED)
        await quiescence()
        assert len(owner.site.company.pbx.ledger.writes) == 1
        owner.take(0)
        await eventually(lambda: owner.site.shown(person) == CLEARED)


async def test_another_program_that_writes_again_and_again_is_not_fought_before_somebody_says_so(
    tmp_path: Path,
) -> None:
    async with owning(tmp_path) as owner:
        pbx, engine = owner.site.company.pbx, owner.site.engine
        person, other = owner.site.company.world.people[:2]
        owner.take(0, 1)
        await eventually(lambda: len(pbx.ledger.writes) == 2)
        await owner.settled()
        pbx.set_by_another_program(person.guid, "away", "robot")
        pbx.drop()
        await eventually(lambda: bool(engine.status().refused))
        pbx.set_by_another_program(person.guid, "away", "another robot")
        await eventually(lambda: ServiceChanged() in owner.site.events and bool(owner.sharing.halts))
        for each in (person, other):
            owner.site.company.world.clear(each.mailbox or "")
        await eventually(lambda: owner.site.shown(other) == CLEARED)
        await owner.settled()
        assert owner.site.shown(person) == Presence("away", "another robot")
        engine.shards.resume()
        await eventually(lambda: owner.site.shown(person) == CLEARED)
