"""A small company in the cloud and a plain client; what both say is checked against Microsoft's schema."""

from collections.abc import AsyncIterator

import pytest

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.world import World
from tests.simulator.graph.client import PlainGraph, plain_graph


@pytest.fixture
async def cloud(world: World, authority: CertificateAuthority) -> AsyncIterator[PlainGraph]:
    async with plain_graph(world, authority, keep_bodies=True) as plain:
        yield plain
        assert plain.checked.findings == []
