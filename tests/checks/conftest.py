"""A simulated site whose requests are all validated."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from engine.simulator.company import Company
from engine.simulator.world import World, corp_world
from tests.support.clock import ManualClock
from tests.support.site import ews_schema


@pytest.fixture
def world() -> World:
    return corp_world(date(2026, 3, 2))


@pytest.fixture
async def company(world: World, tmp_path: Path) -> AsyncIterator[Company]:
    async with Company(world, tmp_path, ManualClock(), schema=ews_schema()) as company:
        yield company
