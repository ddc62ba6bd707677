"""A simulated Exchange server, and a source that reads it over real sockets with a real log-in."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.core.secret import Secret
from engine.exchange.ews.source import EwsSource
from engine.exchange.http.auth import Credential
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.connection import verified_context
from engine.settings.model import Authentication, ExchangeSettings, ExchangeType
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import RoutedResolver
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import AS_DOCUMENTED, Behaviour
from engine.simulator.world import World
from tests.exchange.ews.schema import schema
from tests.support.clock import ManualClock

USER = "svc-calendar@corp.example"
PASSWORD = "simulated-Passw0rd"

Simulate = Callable[..., AbstractAsyncContextManager[ExchangeSimulator]]
OpenSource = Callable[..., AbstractAsyncContextManager[EwsSource]]


@pytest.fixture
def simulate(world: World, authority: CertificateAuthority) -> Simulate:
    """Gives `simulate(behaviour)`: a server of `world`, or of another one, that validates every request."""

    def simulated(behaviour: Behaviour = AS_DOCUMENTED, other: World | None = None) -> ExchangeSimulator:
        return ExchangeSimulator(
            other or world, authority=authority, behaviour=behaviour, schema=schema(), keep_bodies=True
        )

    return simulated


@pytest.fixture
async def exchange(simulate: Simulate) -> AsyncIterator[ExchangeSimulator]:
    async with simulate() as server:
        yield server


@pytest.fixture
def open_source(authority: CertificateAuthority, tmp_path: Path) -> OpenSource:
    """Gives `open_source(simulator, …)`: a source whose settings are the keywords, for which host names lead there."""
    tls = verified_context(authority.ca_file(tmp_path))

    @contextlib.asynccontextmanager
    async def opened(
        simulator: ExchangeSimulator,
        *,
        with_subjects: bool = True,
        exception_organizer: str | None = None,
        password: str = PASSWORD,
        clock: ManualClock | None = None,
        **settings: Any,
    ) -> AsyncIterator[EwsSource]:
        given = {"type": ExchangeType.ON_PREMISES, "user": USER, "ews_url": simulator.ews_url, **settings}
        chosen = ExchangeSettings(**given)
        http = ExchangeHttp(
            log_in=Credential(chosen.user, Secret(password), Authentication.NTLM, channel_binding=True),
            connections=4,
            tls=tls,
            clock=clock or ManualClock(),
            user_agent="calendar-engine/1",
            resolver=RoutedResolver(simulator.routes),
        )
        source = EwsSource(
            chosen,
            with_subjects=with_subjects,
            exception_organizer=exception_organizer,
            http=http,
            clock=clock or ManualClock(),
            random=Random(4),
        )
        try:
            yield source
        finally:
            await source.close()

    return opened
