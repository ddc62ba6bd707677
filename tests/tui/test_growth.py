"""The program keeps no more than it shows, however much changes."""

import asyncio
import contextvars
import gc
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.schema import UsersEvent
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

ROUNDS = 4
CHANGES = 150


async def test_changes_leave_nothing_behind(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(50)) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2")
            await shown.shows("50 users")
            kept = [await objects_after_changes(shown) for _ in range(ROUNDS)]
    assert kept[-1] - kept[1] < CHANGES


async def objects_after_changes(shown: Terminal) -> int:
    """Return how many objects there are after as many changes as would each leave one if any did.

    Without timers: the event loop throws away those that were cancelled in heaps.
    """
    model = shown.app.model
    rows = list(model.users.rows.values())
    for number in range(CHANGES):
        row = rows[number % len(rows)]
        renamed = replace(row, display_name=f"{row.name} the {number}th")
        model.take(UsersEvent(number=number, users=(renamed,), gone=()))
        shown.view.show()
        if number % 10 == 0:
            await shown.pilot.pause()
    gc.collect()
    return sum(not isinstance(each, asyncio.TimerHandle | contextvars.Context) for each in gc.get_objects())
