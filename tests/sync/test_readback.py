"""Presences are read back after each connect: lost ones are sent again, those of other programs are left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PbxUnreachable, PresenceRefused, PresenceTakenOver, PresenceUnanswered
from engine.simulator.company import pbx_user
from engine.sync.events import SyncContext, UserRecovered, UserTrouble
from engine.sync.participants import Participant, Participants
from engine.sync.readback import BEGUN_AFTER, GIVEN_UP_AFTER, READS_PER_SECOND, ReadBack
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import passes, quiescence
from tests.support.site import Site, running_site
from tests.sync.test_pbx_state_machine import new_world
from tests.sync.writing import RecordingLink, WriterHarness, running_writer

BUSY, AWAY = Presence("busy", "Meeting until 10 (Berlin)"), Presence("away", "until noon")
FOREIGN = Presence("dnd", "something else")


@asynccontextmanager
async def reading_back(
    link: RecordingLink, guids: str, directory: Path
) -> AsyncIterator[tuple[WriterHarness, "Reader"]]:
    """A writer that has written `BUSY` for everybody, and its read-back."""
    clock = ManualClock()
    async with running_writer(link, guids, directory, clock, per_second=1000) as harness, asyncio.TaskGroup() as tasks:
        harness.writer.link_is_up()
        for guid in guids:
            harness.desire(guid, BUSY)
        reader = Reader(harness, link, clock)
        await eventually(
            lambda: len(link.writes) >= len(guids) and harness.writer.is_idle(), between=lambda: passes(0.01, clock)
        )
        link.shown = {f"user {guid}": BUSY for guid in guids}
        running = tasks.create_task(reader.part.run())
        link.reads.clear()
        yield harness, reader
        running.cancel()


class Reader:
    def __init__(self, harness: WriterHarness, link: RecordingLink, clock: ManualClock) -> None:
        self.link, self.clock, self.harness = link, clock, harness
        context = SyncContext(
            clock=clock,
            network_clock=clock,
            random=None,  # type: ignore[arg-type]
            observe=harness.events.append,
            finished=lambda: None,
        )
        self.part = ReadBack(harness.participants, harness.writer, context)

    async def everybody(self) -> None:
        """Read everybody's presence back, and rewrite it if necessary."""
        self.part.begin()
        await self.clock.advance_to(self.clock.now() + BEGUN_AFTER)
        for _ in range(2 * len(self.harness.participants) + 5):
            await quiescence()
            await self.clock.advance(1 / READS_PER_SECOND)
        await eventually(self.harness.writer.is_idle)


async def test_what_is_right_is_read_once_and_never_written(tmp_path: Path) -> None:
    link = RecordingLink()
    async with reading_back(link, "abc", tmp_path) as (harness, reader):
        await reader.everybody()
        assert sorted(link.reads) == ["user a", "user b", "user c"]
        assert len(link.writes) == 3
        await reader.clock.advance(600)
        assert len(link.reads) == 3
        assert harness.writer.withheld.shown("a").acknowledged == BUSY


async def test_what_the_pbx_lost_is_sent_again(tmp_path: Path) -> None:
    link = RecordingLink()
    async with reading_back(link, "abc", tmp_path) as (_, reader):
        del link.shown["user b"]
        await reader.everybody()
        assert link.writes[3:] == [("b", BUSY)]


@pytest.mark.parametrize("ours", [BUSY, CLEARED])
async def test_what_another_program_wrote_is_told_and_left_alone(tmp_path: Path, ours: Presence) -> None:
    link = RecordingLink()
    async with reading_back(link, "ab", tmp_path) as (harness, reader):
        harness.desire("a", ours)
        await reader.clock.advance(1)
        await eventually(harness.writer.is_idle)
        before = len(link.writes)
        link.shown["user a"] = FOREIGN
        for _ in range(3):
            await reader.everybody()
            harness.writer.want("a")
            await eventually(harness.writer.is_idle)
        assert len(link.writes) == before
        (told,) = [each for each in harness.events if isinstance(each, UserTrouble)]
        assert isinstance(told.failure, PresenceTakenOver)
        assert isinstance(harness.participants["a"].refusal, PresenceTakenOver)
        harness.desire("a", AWAY)
        await reader.clock.advance(1)
        await eventually(lambda: link.writes[-1] == ("a", AWAY))
        await eventually(harness.writer.is_idle)
        assert harness.participants["a"].refusal is None


async def test_it_is_over_when_the_other_program_is_gone(tmp_path: Path) -> None:
    link = RecordingLink()
    async with reading_back(link, "a", tmp_path) as (harness, reader):
        link.shown["user a"] = FOREIGN
        await reader.everybody()
        link.shown["user a"] = BUSY
        await reader.everybody()
        assert harness.participants["a"].refusal is None
        assert [type(each) for each in harness.events[-1:]] == [UserRecovered]


async def test_a_note_that_the_pbx_cuts_is_no_other_programs(tmp_path: Path) -> None:
    link = RecordingLink()
    async with reading_back(link, "ab", tmp_path) as (harness, reader):
        link.shown["user a"] = Presence("busy", BUSY.note[:16])
        await reader.everybody()
        assert len(link.writes) == 2
        assert harness.participants["a"].refusal is None
        harness.writer.user_is_gone("a")
        harness.writer.want("a")
        await eventually(lambda: harness.writer.withheld.shown("a").acknowledged == BUSY)
        assert len(link.writes) == 2, "what is cut is known from then on"


async def test_a_read_that_a_write_overtakes_says_nothing(tmp_path: Path) -> None:
    class Slow(RecordingLink):
        gate = asyncio.Event()

        async def read_presence(self, user_name: str) -> Presence:
            shown = await super().read_presence(user_name)
            await self.gate.wait()
            return shown

    link = Slow()
    link.gate.set()
    async with reading_back(link, "a", tmp_path) as (harness, reader):
        link.gate.clear()
        del link.shown["user a"]
        reader.part.begin()
        for _ in range(3):
            await quiescence()
            await reader.clock.advance_to(reader.clock.now() + BEGUN_AFTER)
        await eventually(lambda: link.reads)
        harness.desire("a", AWAY)
        await reader.clock.advance(1)
        await eventually(lambda: harness.writer.withheld.shown("a").acknowledged == AWAY)
        link.gate.set()
        await reader.everybody()
        assert [presence for _, presence in link.writes][:2] == [BUSY, AWAY]


async def test_writes_come_first(tmp_path: Path) -> None:
    link = RecordingLink()
    async with reading_back(link, "abcdef", tmp_path) as (harness, reader):
        link.silent = True
        harness.desire("a", AWAY)
        await reader.clock.advance(1)
        await eventually(lambda: len(link.writes) == 7)
        reader.part.begin()
        for _ in range(60):
            await reader.clock.advance(1)
        assert link.reads == []


@pytest.mark.parametrize(("failure", "reads"), [(PresenceUnanswered, GIVEN_UP_AFTER), (PbxUnreachable, 1)])
async def test_where_reading_does_not_work_it_ends_until_the_next_connect(
    tmp_path: Path, failure: type[Exception], reads: int
) -> None:
    class Broken(RecordingLink):
        works = True

        async def read_presence(self, user_name: str) -> Presence:
            shown = await super().read_presence(user_name)
            if not self.works:
                raise failure("broken")
            return shown

    link = Broken()
    async with reading_back(link, "abcdef", tmp_path) as (_, reader):
        link.works = False
        await reader.everybody()
        assert len(link.reads) == reads
        link.works = True
        link.reads.clear()
        await reader.everybody()
        assert len(link.reads) == 6


async def test_a_connection_that_is_lost_again_and_again_gets_to_everybody(tmp_path: Path) -> None:
    link = RecordingLink()
    guids = "abcdefghij"
    async with reading_back(link, guids, tmp_path) as (_, reader):
        for _ in range(5):
            reader.part.begin()
            await reader.clock.advance_to(reader.clock.now() + BEGUN_AFTER)
            for _ in range(2):
                await quiescence()
                await reader.clock.advance(1 / READS_PER_SECOND)
            reader.part.stop()
            await quiescence()
        assert len(set(link.reads)) >= 8


async def test_who_cannot_be_asked_about_is_passed_over(tmp_path: Path) -> None:
    class Picky(RecordingLink):
        async def read_presence(self, user_name: str) -> Presence:
            shown = await super().read_presence(user_name)
            if user_name == "user a":
                raise PresenceRefused("unknown user")
            return shown

    link = Picky()
    async with reading_back(link, "ab", tmp_path) as (harness, reader):
        harness.participants["c"] = Participant(User(guid="c", name=""))
        await reader.everybody()
        assert "user b" in link.reads
        assert len(link.writes) == 2


async def test_ten_thousand_users_cost_twenty_reads_a_second_and_no_more(tmp_path: Path) -> None:
    class Everybody:
        is_writing = False
        asked = 0

        def known(self, guid: str) -> None:
            self.asked += 1

    clock, everybody = ManualClock(), Everybody()
    participants: Participants = {
        str(number): Participant(User(guid=str(number), name="x")) for number in range(10_000)
    }
    context = SyncContext(clock=clock, network_clock=clock, random=None, observe=None, finished=None)  # type: ignore[arg-type]
    part = ReadBack(participants, everybody, context)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(part.run())
        for _ in range(3):
            part.begin()
        await asyncio.sleep(0)
        await clock.advance(BEGUN_AFTER.total_seconds() + 60)
        running.cancel()
    assert 1190 <= everybody.asked <= 1201


async def _busy_site(site: Site) -> None:
    for person in site.company.world.people:
        site.company.world.put(person.mailbox or "", site.company.world.appointment("Meeting", "09:00-12:00"))
        site.engine.resync(person.guid)
    await eventually(lambda: not site.wrong() and site.shown(site.company.world.people[0]) != CLEARED)
    await site.settled()


@pytest.mark.slow
async def test_a_pbx_restored_without_presences_shows_them_again(tmp_path: Path) -> None:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    async with running_site(world, tmp_path, clock) as site:
        await _busy_site(site)
        written = len(site.company.pbx.ledger.writes)
        await site.company.pbx.stop()
        site.company.pbx.forget_presences()
        await site.company.pbx.start()
        assert site.wrong()
        await eventually(lambda: not site.wrong())
        assert len(site.company.pbx.ledger.writes) == written + len(world.people)


@pytest.mark.slow
async def test_a_user_deleted_and_created_with_the_same_guid_has_a_presence_again(tmp_path: Path) -> None:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    async with running_site(world, tmp_path, clock) as site:
        await _busy_site(site)
        user = pbx_user(world.people[0])
        site.company.pbx.delete_user(user.guid)
        site.company.pbx.add_user(user)
        await eventually(lambda: not site.wrong())
        site.company.pbx.drop()
        site.company.pbx.delete_user(user.guid)
        site.company.pbx.add_user(changed(user, cn="Another"))
        await eventually(lambda: not site.wrong())


@pytest.mark.slow
async def test_another_program_is_told_of_in_status_and_not_fought(tmp_path: Path) -> None:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    async with running_site(world, tmp_path, clock) as site:
        await _busy_site(site)
        person = world.people[0]
        site.company.pbx.set_by_another_program(person.guid, "away", "robot")
        written = len(site.company.pbx.ledger.writes)
        for _ in range(2):
            site.company.pbx.drop()
            await eventually(lambda: not site.engine.status().pbx.works)
            await eventually(lambda: site.engine.status().pbx.works)
        await eventually(lambda: bool(site.engine.status().refused))
        [problem] = site.engine.status().refused
        assert (problem.user.guid, problem.failure.slug) == (person.guid, "presence-taken-over")
        assert len(site.company.pbx.ledger.writes) == written
