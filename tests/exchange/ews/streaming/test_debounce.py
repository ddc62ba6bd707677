"""Many events lead to one read."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.exchange.ews.streaming.subscriptions import PAUSE, Debounce
from tests.support.clock import ManualClock

SECONDS = PAUSE.total_seconds()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def debounce(clock: ManualClock, told: list[str]) -> AsyncIterator[Debounce]:
    debounce = Debounce(clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(debounce.run(told.append))
        await asyncio.sleep(0)
        yield debounce
        running.cancel()


async def test_a_burst_is_told_once_and_no_later_than_a_pause_after_its_beginning(
    clock: ManualClock, told: list[str], debounce: Debounce
) -> None:
    for _ in range(4):
        debounce.note("anna")
        await clock.advance(SECONDS / 5)
    assert told == []
    await clock.advance(SECONDS / 5)
    assert told == ["anna"]
    await clock.advance(10 * SECONDS)
    assert told == ["anna"]


async def test_what_comes_after_is_told_again(clock: ManualClock, told: list[str], debounce: Debounce) -> None:
    for _ in range(2):
        debounce.note("anna")
        await asyncio.sleep(0)
        await clock.advance(SECONDS)
    assert told == ["anna", "anna"]


async def test_nobody_waits_for_somebody_else(clock: ManualClock, told: list[str], debounce: Debounce) -> None:
    debounce.note("anna")
    await clock.advance(SECONDS / 2)
    debounce.note("bert")
    await clock.advance(SECONDS / 2)
    assert told == ["anna"]
    await clock.advance(SECONDS / 2)
    assert told == ["anna", "bert"]
