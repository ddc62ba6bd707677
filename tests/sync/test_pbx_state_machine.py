"""State machine test of engine and PBX: after any sequence of events, the presences become right.

Real engine, simulated PBX and Exchange, real sockets. Held up after every step:
(a) the PBX comes to show exactly what is desired; (b) nothing is written that the PBX shows already, however often
connections break or the engine is started anew; (c) nothing is written for users outside the selection.
"""

import asyncio
import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from engine.core.appointments import ShowAs
from engine.core.presence.model import CLEARED, Presence
from engine.pbx.certificate import OwnCertificate
from engine.simulator.company import Company, pbx_user
from engine.simulator.pbx.connection import AppObject
from engine.simulator.pbx.state import CLEARING, Behaviour, ClearSemantics, EndOfCopy, PbxInfoSent, PresenceWrite
from engine.simulator.world import Person, World
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.support.quiescence import QuiescentLoop, quiescence
from tests.support.site import Site, running_engine

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)
PEOPLE = 4
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "12"))
NETWORK_SPEED = 50.0
"""Ten seconds without an answer pass in a fifth of a second."""

SWEEP = 60
SELECTION = {"exclude": {"groups": ["no calendar"]}}
Step = Callable[[], Awaitable[None]]
people = st.integers(0, PEOPLE - 1)


@cache
def certificate() -> bytes:
    """The engine's own certificate; made once, since making a key takes its time."""
    with tempfile.TemporaryDirectory() as directory:
        own = OwnCertificate(Path(directory), ["127.0.0.1"])
        own.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), datetime.now(UTC))
        return (Path(directory) / "pbx-listen.pem").read_bytes()


def new_world() -> World:
    team = [
        Person(name=f"p{n}", display_name=f"P {n}", mailbox=f"p{n}@corp.example", pbx_addresses=(f"p{n}@corp.example",))
        for n in range(PEOPLE)
    ]
    return World(MONDAY, ZoneInfo("Europe/Berlin"), team)


class Stage:
    """A company and one engine after the other; everything happens in one task, a step at a time."""

    def __init__(self, directory: Path, *, listens: bool, clear: str, behaviour: Behaviour) -> None:
        self.world = new_world()
        self.clock = ManualClock(self.world.instant("09:20"))
        self.steps = asyncio.Queue[tuple[Step | None, asyncio.Future[None]]]()
        self.complaints = list[str]()
        self.shown = dict[str, Presence]()
        self.unheard = set[str]()
        self.lost = set[str]()
        self.pbx_is_away = False
        self._directory = directory
        self._listens = listens
        self._behaviour = behaviour
        self._connecting = AsyncExitStack()
        self._pbx: dict[str, Any] = {"clear": clear, "users": SELECTION, "writes_per_second": 1000}
        if listens:
            self._port = self._prepare_listening()

    async def run(self) -> None:
        async with Company(self.world, self._directory, self.clock, pbx_behaviour=self._behaviour) as self.company:
            self.company.pbx.on_write = self._written
            await self.pbx_comes()
            while await self._run_one_engine():
                pass
            await self._connecting.aclose()

    async def _run_one_engine(self) -> bool:
        """Do steps until the engine is to be started anew (true) or the end has come (false)."""
        tables = {
            "pbx": self._pbx,
            "exchange": {"poll_seconds": SWEEP},
            "engine": {"state_dir": str(self._directory / "state")},
        }
        network = pauses_pass_quickly(NETWORK_SPEED)
        async with running_engine(self.company, self.clock, self._directory, tables, network) as self.site:
            while True:
                step, done = await self.steps.get()
                if step is None:
                    done.set_result(None)
                    return bool(self.steps.qsize()) or not self.over
                try:
                    await step()
                except Exception as error:
                    done.set_exception(error)
                else:
                    done.set_result(None)

    over = False
    company: Company
    site: Site

    def _prepare_listening(self) -> int:
        state = self._directory / "state"
        state.mkdir(mode=0o700)
        (state / "pbx-listen.pem").write_bytes(certificate())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        self._pbx |= {"link": "listen", "listen_address": "127.0.0.1", "listen_port": port}
        self._pbx |= {"listen_names": ["127.0.0.1"]}
        return port

    async def pbx_comes(self) -> None:
        self.pbx_is_away = False
        if self._listens:
            url = f"https://127.0.0.1:{self._port}/calendar/sync/engine/calendar"
            trust = ssl.create_default_context(cadata=certificate().decode().partition("-----END PRIVATE KEY-----")[2])
            await self._connecting.enter_async_context(self.company.pbx.connecting(AppObject(url=url), trust))
        elif not self.company.pbx.is_listening:
            await self.company.pbx.start()

    async def pbx_goes(self) -> None:
        self.pbx_is_away = True
        if self._listens:
            await self._connecting.aclose()
        else:
            await self.company.pbx.stop()

    def takes_part(self, guid: str) -> bool:
        return any(user.guid == guid and not user.groups for user in self.company.pbx.users)

    def desired(self) -> dict[str, Presence]:
        exists = {user.guid for user in self.company.pbx.users}
        return {
            person.guid: self.site.expected(person) if self.takes_part(person.guid) else CLEARED
            for person in self.world.people
            if person.guid in exists
        }

    def actual(self) -> dict[str, Presence]:
        return {user.guid: self.company.pbx.calendar_presence(user.guid) for user in self.company.pbx.users}

    async def converges(self) -> None:
        if self.pbx_is_away:
            await self.pbx_comes()
        self.company.pbx.behaviour.answers_presence = True
        await eventually(
            lambda: self.actual() == self.desired(), lambda: f"shown {self.actual()}, desired {self.desired()}"
        )
        await self.site.settled()
        await quiescence()
        assert self.actual() == self.desired()
        self.unheard.clear()

    def lose_shown(self) -> None:
        """The PBX shows nothing any more: the engine learns it by reading that back, and may write before."""
        self.lost |= {guid for guid, presence in self.shown.items() if presence != CLEARED}
        self.shown.clear()

    def _written(self, write: PresenceWrite) -> None:
        presence = self.company.pbx.calendar_presence(write.guid)
        before = self.shown.get(write.guid, CLEARED)
        if presence == before and write.guid not in self.lost:
            self.complaints.append(f"{write} was shown already")
        self.lost.discard(write.guid)
        if presence != CLEARED and not self.takes_part(write.guid) and write.guid not in self.unheard:
            self.complaints.append(f"{write} is outside the selection")
        self.shown[write.guid] = presence


class PbxMachine(RuleBasedStateMachine):
    """Connects, drops, replication messages, presence changes, unanswered writes and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=QuiescentLoop)
        self.directory = Path(tempfile.mkdtemp())

    @initialize(
        listens=st.booleans(),
        clear=st.sampled_from(["empty", "omit", "online"]),
        clears=st.sampled_from(CLEARING),
        pbx_info=st.sampled_from([PbxInfoSent.NEVER, PbxInfoSent.BEFORE_LOGIN, PbxInfoSent.AFTER_LOGIN]),
        duplicates=st.booleans(),
        ends_copy_with=st.sampled_from(EndOfCopy),
        notifies_under_src=st.booleans(),
        pings=st.tuples(st.booleans(), st.booleans()),
        names=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )
    def begin(
        self,
        listens: bool,
        clear: str,
        clears: ClearSemantics,
        pbx_info: PbxInfoSent,
        duplicates: bool,
        ends_copy_with: EndOfCopy,
        notifies_under_src: bool,
        pings: tuple[bool, bool],
        names: tuple[bool, bool, bool],
    ) -> None:
        behaviour = Behaviour(
            clears=clears,
            pbx_info=pbx_info,
            duplicate_adds=duplicates,
            ends_copy_with=ends_copy_with,
            notifies_under_src=notifies_under_src,
            sends_pings=pings[0],
            answers_pings=pings[1],
            names_api=names[0],
            echoes_src=names[1],
            guids_in_capitals=names[2],
        )
        self.runner.get_loop()
        self.stage = self.runner.run(self._staged(listens=listens, clear=clear, behaviour=behaviour))
        self.running = self.runner.get_loop().create_task(self.stage.run())

    async def _staged(self, **options: Any) -> Stage:
        return Stage(self.directory, **options)

    @property
    def pbx(self) -> Any:
        return self.stage.company.pbx

    @rule(person=people, state=st.sampled_from([ShowAs.BUSY, ShowAs.OOF]), starts=st.sampled_from(["09", "10"]))
    def meeting_is_entered(self, person: int, state: ShowAs, starts: str) -> None:
        async def step() -> None:
            mailbox = self.stage.world.people[person].mailbox or ""
            item = self.stage.world.appointment("meeting", f"{starts}:00-12:00", show_as=state)
            self.stage.world.put(mailbox, item)
            self.stage.site.engine.resync(self.stage.world.people[person].guid)

        self.do(step)

    @rule(person=people)
    def calendar_is_emptied(self, person: int) -> None:
        async def step() -> None:
            self.stage.world.clear(self.stage.world.people[person].mailbox or "")
            self.stage.site.engine.resync(self.stage.world.people[person].guid)

        self.do(step)

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.do(lambda: self.stage.clock.advance(minutes * 60))

    @rule()
    def all_comes_to_rest(self) -> None:
        self.do(quiescence)

    @rule()
    def connection_drops(self) -> None:
        async def step() -> None:
            self.pbx.drop()

        self.do(step)

    @rule()
    @precondition(lambda self: not self.stage.pbx_is_away)
    def pbx_goes(self) -> None:
        self.do(self.stage.pbx_goes)

    @rule()
    @precondition(lambda self: self.stage.pbx_is_away)
    def pbx_comes(self) -> None:
        self.do(self.stage.pbx_comes)

    @rule(answers=st.booleans())
    def writes_are_answered_or_not(self, answers: bool) -> None:
        async def step() -> None:
            self.pbx.behaviour.answers_presence = answers

        self.do(step)

    @rule(person=people)
    def user_is_deleted_or_added(self, person: int) -> None:
        async def step() -> None:
            user = pbx_user(self.stage.world.people[person])
            if any(each.guid == user.guid for each in self.pbx.users):
                self.pbx.delete_user(user.guid)
                self.stage.shown.pop(user.guid, None)
            else:
                self.pbx.add_user(user)

        self.do(step)

    @rule(person=people)
    def user_is_deleted_and_created_with_the_same_guid(self, person: int) -> None:
        async def step() -> None:
            user = pbx_user(self.stage.world.people[person])
            if any(each.guid == user.guid for each in self.pbx.users):
                self.pbx.delete_user(user.guid)
                self.stage.shown.pop(user.guid, None)
                self.pbx.add_user(user)

        self.do(step)

    @rule()
    def pbx_is_restored_without_presences(self) -> None:
        async def step() -> None:
            away = self.stage.pbx_is_away
            if not away:
                await self.stage.pbx_goes()
            self.pbx.forget_presences()
            self.stage.lose_shown()
            if not away:
                await self.stage.pbx_comes()

        self.do(step)

    @rule()
    def connection_ends_behind_a_ping(self) -> None:
        self.do(lambda: self.pbx.ping_and_vanish())

    @rule(person=people, name=st.sampled_from(["", "renamed."]), groups=st.sampled_from([(), ("no calendar",)]))
    def user_is_edited(self, person: int, name: str, groups: tuple[str, ...]) -> None:
        async def step() -> None:
            plain = pbx_user(self.stage.world.people[person])
            if any(each.guid == plain.guid for each in self.pbx.users):
                if groups and self.pbx.connections:
                    self.stage.unheard.add(plain.guid)
                self.pbx.update_user(replace(plain, h323=f"{name}{plain.h323}", groups=groups))

        self.do(step)

    @rule(person=people, activity=st.sampled_from(["", "dnd", "away"]))
    def presence_is_set_by_hand(self, person: int, activity: str) -> None:
        """And stays on top until the calendar presence really changes."""

        async def step() -> None:
            await self.stage.converges()
            guid = self.stage.world.people[person].guid
            if any(user.guid == guid for user in self.pbx.users):
                self.pbx.set_manual(guid, activity)
                on_top = self.pbx.presence_entries(guid)[:1]
                self.pbx.drop()
                await self.stage.converges()
                assert self.pbx.presence_entries(guid)[:1] == on_top

        self.do(step)

    @rule()
    def engine_is_started_anew(self) -> None:
        self.do(None)

    @rule()
    def all_is_well_in_the_end(self) -> None:
        self.do(self.stage.converges)

    def do(self, step: Step | None) -> None:
        async def hand_over() -> None:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.stage.steps.put_nowait((step, done))
            async with asyncio.timeout(3 * PATIENCE):
                await asyncio.wait({done, self.running}, return_when=asyncio.FIRST_COMPLETED)
            if self.running.done():
                await self.running
            await done

        self.runner.run(hand_over())
        assert self.stage.complaints == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self.do(self.stage.converges)
        finally:
            if hasattr(self, "stage"):
                self.stage.over = True
                self.stage.steps.put_nowait((None, self.runner.get_loop().create_future()))
                self.runner.run(self._ended())
            self.runner.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    async def _ended(self) -> None:
        await self.running


TestPbx = PbxMachine.TestCase
TestPbx.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("listens", [False, True])
def test_who_left_the_selection_without_a_link_is_not_written_first(listens: bool) -> None:
    machine = PbxMachine()
    try:
        machine.begin(
            listens=listens,
            clear="omit",
            clears=ClearSemantics.LEAVES_EMPTY_ENTRY,
            pbx_info=PbxInfoSent.BEFORE_LOGIN,
            duplicates=False,
            ends_copy_with=EndOfCopy.EMPTY_GUID,
            notifies_under_src=True,
            pings=(True, True),
            names=(False, True, True),
        )
        machine.presence_is_set_by_hand(person=3, activity="dnd")
        machine.meeting_is_entered(person=2, state=ShowAs.OOF, starts="09")
        written_before = set(machine.stage.shown)  # the loop does not run between two steps
        machine.user_is_edited(person=2, name="renamed.", groups=("no calendar",))
    finally:
        machine.teardown()
    renamed = machine.stage.world.people[2].guid
    assert renamed not in machine.stage.shown.keys() - written_before, "nothing is written first for who has left"
