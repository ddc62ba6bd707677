"""State machine test of two engines that share the users of one PBX: shards move, claims end at any moment.

Real engines, simulated PBX and Exchange, real sockets; who owns what is decided by the test, as a database of leases
would do it. Held up after every step: (a) every write follows an intent that the present owner has just stored;
(b) nothing is written that the PBX shows already; (c) in the end the PBX shows exactly what is desired, and what is
stored says so.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from enum import Enum, auto
from pathlib import Path
from random import Random

import pytest

from engine.core.appointments import ShowAs
from engine.core.presence.model import CLEARED, Presence
from engine.simulator.company import Company
from engine.simulator.pbx.state import PresenceWrite
from engine.store.errors import StoreDamaged
from engine.store.presence import PresenceRecord
from tests.support.claims import SharedMemory, SharedShards, TestedClaim, TestedOwnership
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.support.quiescence import quiescence
from tests.support.site import Site, running_engine
from tests.sync.test_pbx_state_machine import NETWORK_SPEED, SWEEP, new_world

pytestmark = pytest.mark.slow

SHARDS = 3
STEPS = int(os.environ.get("SHARED_STEPS", "30"))
SEEDS = range(int(os.environ.get("SHARED_SEEDS", "2")))


class Move(Enum):
    """How a shard gets another owner."""

    GIVEN_UP = auto()
    TAKEN = auto()
    TAKEN_UNNOTICED = auto()
    """Its former owner does not know of it before it owns the shard again."""


class Node:
    """One of the engines, started anew again and again: each time it is another process, with a term of its own."""

    def __init__(self, name: str, stage: "Stage") -> None:
        self._name = name
        self._stage = stage
        self._starts = 0
        self._stack = AsyncExitStack()
        self.ownership: TestedOwnership
        self.site: Site

    async def start(self) -> None:
        self._starts += 1
        self.ownership = TestedOwnership(self._stage.shards, f"{self._name}{self._starts}")
        self.site = await self._stack.enter_async_context(
            running_engine(
                self._stage.company,
                self._stage.clock,
                self._stage.directory / self.ownership.term,
                {
                    "pbx": {"writes_per_second": 1000},
                    "exchange": {"poll_seconds": SWEEP},
                    "engine": {"state_dir": str(self._stage.directory / self.ownership.term)},
                },
                pauses_pass_quickly(NETWORK_SPEED),
                self._stage.store.sharing(self.ownership),
            )
        )

    async def stop(self) -> None:
        """End as a process that is killed, whose shards nobody gives up."""
        for claim in self.ownership.claims.values():
            claim.end()
        await self._stack.aclose()

    def take(self, shard: int, comparisons: int | None = None) -> None:
        self.ownership.take(shard)
        self.ownership.claims[shard].comparisons = comparisons
        self.site.engine.shards.taken([shard])

    async def give_up(self, shard: int) -> None:
        """Leave a shard to another engine without a gap: nothing is begun any more, and what was begun is answered."""
        self.site.engine.shards.lost([shard])
        await self.site.engine.shards.answered([shard])
        self.ownership.give_up(shard)


class Stage:
    """A company, and two engines that share its users; each step is one that `random` chooses."""

    def __init__(self, company: Company, directory: Path, clock: ManualClock, random: Random) -> None:
        self.company = company
        self.company.pbx.on_write = self._written
        self.directory = directory
        self.world = company.world
        self.clock = clock
        self.random = random
        self.complaints = list[str]()
        self.shards = SharedShards(SHARDS)
        self.store = SharedMemory(self.shards)
        self.nodes = [Node(name, self) for name in "ab"]
        self.rows_before = dict[str, PresenceRecord]()
        self._shown = dict[str, Presence]()

    def owner(self, shard: int) -> Node | None:
        term = self.shards.owners.get(shard)
        return next((node for node in self.nodes if node.ownership.term == term), None)

    async def move(self, shard: int, to: Node, how: "Move", comparisons: int | None) -> None:
        """Have another engine own a shard, or the same once more, as after the end of a lease."""
        owner = self.owner(shard)
        if owner is not None and how is Move.GIVEN_UP and owner is not to:
            await owner.give_up(shard)
        elif owner is not None and (claim := owner.ownership.claims.get(shard)) is not None:
            claim.end()
            await quiescence()  # what is under way has arrived: the margin of the lease
            if owner is not to and how is not Move.TAKEN_UNNOTICED:
                owner.ownership.give_up(shard)
                owner.site.engine.shards.lost([shard])
        to.take(shard, comparisons)

    async def all_is_owned(self) -> None:
        """Have every shard owned by somebody whose claim lasts, and the others know that they do not own it."""
        for shard in self.shards.shards:
            owner = self.owner(shard)
            if owner is None or owner.ownership.claim_to(shard) is None:
                owner = owner or self.nodes[shard % 2]
                await self.move(shard, owner, Move.TAKEN, None)
            else:
                owner.ownership.claims[shard].comparisons = None
            for other in self.nodes:
                if other is not owner and shard in other.ownership.claims:
                    other.ownership.give_up(shard)
                    other.site.engine.shards.lost([shard])

    def lose_rows(self, terms: Collection[str]) -> None:
        """Have the store forget what some processes stored last."""
        for guid in {*self.store.rows, *self.rows_before}:
            if self.shards.owners.get(self.shards.shard_of(guid)) in terms:
                self.store.rows.pop(guid, None)
                if guid in self.rows_before:
                    self.store.rows[guid] = self.rows_before[guid]

    def desired(self) -> dict[str, Presence]:
        return {person.guid: self.nodes[0].site.expected(person) for person in self.world.people}

    def actual(self) -> dict[str, Presence]:
        return {user.guid: self.company.pbx.calendar_presence(user.guid) for user in self.company.pbx.users}

    def stored(self) -> dict[str, Presence | None]:
        return {guid: row.acknowledged for guid, row in self.store.rows.items() if not row.in_doubt}

    async def converges(self) -> None:
        self.company.pbx.behaviour.answers_presence = True
        self.store.failure = None
        await self.all_is_owned()
        await eventually(
            lambda: self.actual() == self.desired() == {**dict.fromkeys(self.actual(), CLEARED), **self.stored()},
            lambda: f"shown {self.actual()}, desired {self.desired()}, stored {self.store.rows}",
        )
        for node in self.nodes:
            await node.site.settled()
        await quiescence()
        assert self.actual() == self.desired()

    def _written(self, write: PresenceWrite) -> None:
        presence = self.company.pbx.calendar_presence(write.guid)
        claim, intended = self.store.intents.pop(write.guid, (None, None))
        if claim is None or not self.shards.is_present(claim) or intended != presence:
            self.complaints.append(f"{write} was not intended by the owner, but {intended} by {claim}")
        if presence == self._shown.get(write.guid, CLEARED):
            self.complaints.append(f"{write} was shown already")
        self._shown[write.guid] = presence

    def node(self) -> Node:
        return self.random.choice(self.nodes)

    def shard(self) -> int:
        return self.random.choice(self.shards.shards)

    async def calendars_change(self) -> None:
        for person in self.random.sample(self.world.people, self.random.randint(1, len(self.world.people))):
            mailbox = person.mailbox or ""
            self.world.clear(mailbox)
            if self.random.random() < 0.7:
                state, start = self.random.choice([ShowAs.BUSY, ShowAs.OOF]), self.random.choice(["09", "10"])
                self.world.put(mailbox, self.world.appointment("meeting", f"{start}:00-20:00", show_as=state))
            for node in self.nodes:
                node.site.engine.resync(person.guid)

    async def time_passes(self) -> None:
        await self.clock.advance(self.random.randint(1, 20) * 60)

    async def all_comes_to_rest(self) -> None:
        await quiescence()
        self.rows_before = dict(self.store.rows)

    async def some_of_it_happens(self) -> None:
        for _ in range(self.random.randint(1, 200)):
            await asyncio.sleep(0)

    async def connections_drop(self) -> None:
        self.company.pbx.drop()

    async def writes_are_answered_or_not(self) -> None:
        self.company.pbx.behaviour.answers_presence ^= True

    async def shard_moves(self) -> None:
        how = self.random.choice(list(Move))
        self.company.pbx.behaviour.answers_presence |= how is Move.GIVEN_UP
        await self.move(self.shard(), self.node(), how, self.random.choice([None, self.random.randint(0, 40)]))

    async def claim_goes_on_after_a_doubt(self) -> None:
        """As after the machine may have been frozen: nobody is told of a new claim, but there is one."""
        shard = self.shard()
        owner = self.owner(shard)
        if owner is not None and shard in owner.ownership.claims:
            former = owner.ownership.claims[shard]
            former.end()
            await quiescence()
            owner.ownership.claims[shard] = TestedClaim(former.token, shard, former.term)

    async def claim_ends(self) -> None:
        shard = self.shard()
        owner = self.owner(shard)
        if owner is not None and shard in owner.ownership.claims:
            owner.ownership.claims[shard].end()

    async def engine_dies_and_is_started_anew(self) -> None:
        """If the database fails over at the same time, what was stored last is lost."""
        node = self.node()
        await node.stop()
        if self.random.random() < 0.5:
            self.lose_rows({node.ownership.term})
        await node.start()

    async def store_fails_over(self) -> None:
        """To a server that does not have the last writes; those whose claims go on are told of it."""
        self.lose_rows(set(self.shards.owners.values()))
        for node in self.nodes:
            node.site.engine.shards.server_changed()

    async def store_is_away_or_back(self) -> None:
        self.store.failure = StoreDamaged("away") if self.store.failure is None else None


WEIGHTS: dict[Callable[[Stage], Awaitable[None]], int] = {
    Stage.calendars_change: 30,
    Stage.time_passes: 5,
    Stage.some_of_it_happens: 20,
    Stage.all_comes_to_rest: 8,
    Stage.shard_moves: 20,
    Stage.claim_ends: 4,
    Stage.claim_goes_on_after_a_doubt: 6,
    Stage.engine_dies_and_is_started_anew: 5,
    Stage.store_is_away_or_back: 6,
    Stage.store_fails_over: 4,
    Stage.connections_drop: 4,
    Stage.writes_are_answered_or_not: 4,
    Stage.converges: 4,
}


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_engines_share_the_users_of_one_pbx(seed: int, tmp_path: Path) -> None:
    random, world = Random(seed), new_world()
    clock = ManualClock(world.instant("09:20"))
    async with Company(world, tmp_path, clock) as company:
        stage = Stage(company, tmp_path, clock, random)
        for node in stage.nodes:
            await node.start()
        await stage.all_is_owned()
        done: list[str] = []
        for step in random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=STEPS):
            done.append(step.__name__)
            await step(stage)
            assert stage.complaints == [], done
        await stage.converges()
        assert stage.complaints == [], done
        for node in stage.nodes:
            await node.stop()
