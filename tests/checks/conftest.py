"""A simulated site whose requests are all validated."""

from collections.abc import AsyncIterator

import pytest

from engine.simulator.company import Company


@pytest.fixture
async def company(company: Company) -> AsyncIterator[Company]:
    """The same at work."""
    async with company:
        yield company
