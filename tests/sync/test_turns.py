"""Work for ten thousand users gives the event loop a turn regularly."""

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.api.schema.users import PastChange, Shown
from engine.core.appointments import Appointment
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.core.users import User
from engine.exchange.source import Window
from engine.server.state import MADE_IN_A_ROW
from engine.store.presence import PresenceRecord
from engine.sync.decider import Decider
from engine.sync.events import SyncContext
from engine.sync.participants import Participant, Participants, Reading
from engine.sync.writer import LOOKED_AT_IN_A_ROW
from tests.support.clock import ManualClock
from tests.support.served_engine import people, served_engine
from tests.sync.writing import RecordingLink, running_writer

USERS, MOST_PER_TURN = 10_000, 10
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "kept",
    [
        Reading.of(Window(NOW, NOW), (Appointment(id="a", start=NOW, end=NOW),), NOW),
        PresenceRecord(Presence("busy"), NOW, Presence("away"), NOW),
        PastChange(at=NOW, presence=Shown(activity="busy", note="")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_kept_for_each_user_is_nothing_to_look_at_for_the_garbage_collector(kept: object) -> None:
    """A full collection holds the loop for as long as it takes."""
    assert not gc.is_tracked(kept)


async def test_ten_thousand_who_may_not_be_written_to_leave_the_loop_many_turns(tmp_path: Path) -> None:
    guids = [f"{number:032x}" for number in range(USERS)]
    async with running_writer(RecordingLink(), guids, tmp_path, ManualClock()) as harness:
        harness.writer.want_all(guids)
        turns = 0
        while harness.writer.is_writing:
            await asyncio.sleep(0)
            turns += 1
    assert turns >= USERS / LOOKED_AT_IN_A_ROW


@pytest.mark.slow
async def test_ten_thousand_rows_that_are_outdated_leave_the_loop_many_turns(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(USERS // 5)) as served:
        await served.settled()
        rows = served.api_state.rows
        for guid in served.engine.guids():
            rows.outdate(guid)
        turns = 0
        async with asyncio.TaskGroup() as group:
            catching_up = group.create_task(rows.catch_up())
            while not catching_up.done():
                await asyncio.sleep(0)
                turns += 1
        assert turns >= USERS // 5 / MADE_IN_A_ROW
        assert len(rows.all()) == USERS // 5


@pytest.mark.slow
async def test_a_storm_of_decisions_leaves_the_loop_many_turns() -> None:
    participants: Participants = {}
    for number in range(USERS):
        user = User(guid=f"{number:032x}", name=f"user{number}")
        participants[user.guid] = Participant(user, departing=True)
    per_turn = [0]

    def want(guid: str) -> None:
        assert participants[guid].desired == CLEARED
        per_turn[-1] += 1

    clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    done = asyncio.Event()
    context = SyncContext(clock=clock, network_clock=clock, random=Random(1), observe=lambda _: None, finished=done.set)
    settings = PresenceSettings(timezone=ZoneInfo("UTC"))
    decider = Decider(participants, settings, context, written=lambda _: PresenceRecord(None, None), want=want)
    for guid in participants:
        decider.mark(guid)
    running = asyncio.get_running_loop().create_task(decider.run())
    while not done.is_set():
        await asyncio.sleep(0)
        per_turn.append(0)
    running.cancel()
    assert sum(per_turn) == USERS
    assert max(per_turn) <= MOST_PER_TURN
