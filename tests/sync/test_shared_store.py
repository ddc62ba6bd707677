"""Two engines over one real PostgreSQL: what one has stored is what the other goes by."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.core.appointments import ShowAs
from engine.simulator.company import Company
from engine.sync.share import SharedPresenceStore, Sharing
from tests.support.claims import LONG, TestedClaim
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence
from tests.support.site import Site, running_engine
from tests.sync.test_pbx_state_machine import new_world

if TYPE_CHECKING:  # with the client of PostgreSQL
    from tests.support.postgres import PostgresDatabase

SHARD = 7
pytestmark = [pytest.mark.process, pytest.mark.slow]


@dataclass
class Owner:
    """What an engine owns: everybody, who are all in one shard, or nobody."""

    store: SharedPresenceStore
    claim: TestedClaim | None = None
    site: Site = field(init=False)

    def shard_of(self, _: str) -> int:
        return SHARD

    def claim_to(self, shard: int) -> TestedClaim | None:
        return self.claim if shard == SHARD and self.claim is not None and self.claim.holds() else None

    def owners(self) -> Mapping[int, str]:
        return {SHARD: "a"}

    def claim_of(self, guid: str) -> TestedClaim | None:
        return self.claim_to(self.shard_of(guid))


@asynccontextmanager
async def node(
    company: Company, clock: ManualClock, directory: Path, made: "PostgresDatabase", name: str
) -> AsyncIterator[Owner]:
    from tests.support.storage import PostgresStorage

    storage = PostgresStorage(made, name)
    owner = Owner(storage.presences())
    tables = {"engine": {"state_dir": str(directory / name)}}
    sharing = Sharing(owner, owner.store, LONG)
    try:
        async with running_engine(company, clock, directory / name, tables, sharing=sharing) as owner.site:
            owner.claim = TestedClaim(storage.claim.token, SHARD, storage.claim.term)
            owner.site.engine.shards.taken([SHARD])
            yield owner
    finally:
        await storage.close()


async def test_whoever_takes_over_knows_what_was_written(cluster_database: "PostgresDatabase", tmp_path: Path) -> None:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("meeting", "09:00-15:00", show_as=ShowAs.BUSY))
    async with Company(world, tmp_path, clock) as company:

        def shown() -> bool:
            return all(company.pbx.calendar_presence(each.guid) == first.site.expected(each) for each in world.people)

        async with node(company, clock, tmp_path, cluster_database, "a") as first:
            await eventually(shown)
            await first.site.settled()
            writes = len(company.pbx.ledger.writes)
            assert writes == len(world.people)
            async with node(company, clock, tmp_path, cluster_database, "b") as second:
                await eventually(lambda: len(second.site.engine.guids()) == writes)
                await second.site.settled()
                await quiescence()
                assert len(company.pbx.ledger.writes) == writes, "nothing is sent again"
                person = world.people[0]
                world.clear(person.mailbox or "")
                await eventually(lambda: len(company.pbx.ledger.writes) > writes and shown())
                # The first one, whose clock has stood still, believes in its claim: the store refuses what it intends.
                for each in (first, second):
                    await each.site.settled()
                await quiescence()
                assert len(company.pbx.ledger.writes_of(person.guid)) == 2
                stored = {
                    guid: row.acknowledged for guid, row in (await second.store.load()).items() if not row.in_doubt
                }
                assert stored == {each.guid: company.pbx.calendar_presence(each.guid) for each in world.people}
