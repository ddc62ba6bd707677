"""A small company, its Exchange server and a plain client."""

from collections.abc import AsyncIterator

import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import World
from tests.simulator.exchange.client import SCHEMA, PlainClient, plain_client


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


@pytest.fixture
async def simulator(
    world: World, authority: CertificateAuthority, schema: etree.XMLSchema
) -> AsyncIterator[ExchangeSimulator]:
    async with ExchangeSimulator(
        world, authority=authority, schemes=("Basic",), schema=schema, keep_bodies=True
    ) as simulator:
        yield simulator


@pytest.fixture
async def client(
    simulator: ExchangeSimulator, authority: CertificateAuthority, schema: etree.XMLSchema
) -> AsyncIterator[PlainClient]:
    async with plain_client(simulator, authority, schema) as client:
        yield client
