"""Ten thousand users hold the loop for no longer than a few of them do: what is done for each has an end to a turn."""

import asyncio
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from engine.core.presence.model import CLEARED, PresenceSettings
from engine.core.users import User
from engine.store.acknowledged import Written
from engine.sync.circumstances import Circumstances
from engine.sync.decider import Decider
from engine.sync.roster import Participant, Roster
from tests.support.clock import ManualClock

USERS, MOST_PER_TURN = 10_000, 10


async def test_a_storm_of_decisions_leaves_the_loop_many_turns() -> None:
    roster: Roster = {}
    for number in range(USERS):
        user = User(guid=f"{number:032x}", name=f"user{number}")
        roster[user.guid] = Participant(user, departing=True)
    per_turn = [0]

    def want(guid: str) -> None:
        assert roster[guid].desired == CLEARED
        per_turn[-1] += 1

    clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    done = asyncio.Event()
    around = Circumstances(
        clock=clock, network_clock=clock, random=Random(1), observe=lambda _: None, finished=done.set
    )
    settings = PresenceSettings(timezone=ZoneInfo("UTC"))
    decider = Decider(roster, settings, around, written=lambda _: Written(None, None), want=want)
    for guid in roster:
        decider.mark(guid)
    running = asyncio.get_running_loop().create_task(decider.run())
    while not done.is_set():
        await asyncio.sleep(0)
        per_turn.append(0)
    running.cancel()
    assert sum(per_turn) == USERS
    assert max(per_turn) <= MOST_PER_TURN
