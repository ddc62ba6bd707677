"""A company on a Monday morning, for tests that set up a service."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from engine.simulator.company import Company
from engine.simulator.world import World
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock


@pytest.fixture
def world() -> World:
    return corp_world(date(2026, 3, 2))


@pytest.fixture
def clock(world: World) -> ManualClock:
    return ManualClock(world.instant("09:20"))


@pytest.fixture
async def company(world: World, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Company]:
    async with Company(world, tmp_path, clock) as company:
        yield company
