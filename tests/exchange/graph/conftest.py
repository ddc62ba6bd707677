"""A simulated Graph with its authority, and a source that reads it over real sockets with a real token."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.core.tenant import NOTHING_LEARNED, TenantFacts
from engine.exchange.graph.source import GraphSource
from engine.exchange.graph.tokens import GraphTokens
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.connection import verified_context
from engine.exchange.http.wire import Network
from engine.exchange.oauth.msal_client import Application, Registration
from engine.settings.model import ExchangeSettings, ExchangeType
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.graph.server import GraphSimulator
from engine.simulator.graph.tenant import AS_DOCUMENTED, Behaviour, Tenant
from engine.simulator.world import World
from tests.support.idle_time import pauses_pass_quickly

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
SECRET = "simulated~Cl1ent-secret"
CALENDARS, DIRECTORY = "Calendars.ReadBasic.All", "User.Read.All"
NEEDED = frozenset(
    {
        *("id", "start", "end", "isAllDay", "showAs", "isCancelled", "sensitivity", "originalStartTimeZone"),
        *("responseStatus", "subject", "organizer"),
    }
)


@dataclass
class Cloud:
    """A tenant, what answers for it, and a source that reads it; `grant` says what the application may do."""

    tenant: Tenant
    application: AppRegistration
    entra: EntraSimulator
    graph: GraphSimulator
    source: GraphSource
    tokens: GraphTokens

    def grant(self, *roles: str) -> None:
        """Give the application these permissions, in tokens issued from now on."""
        self.application.roles |= dict.fromkeys(self.graph.urls, roles)

    @property
    def batches(self) -> int:
        """The number of batches that were sent."""
        return self.graph.ledger.operations["batch"]


OpenCloud = Callable[..., AbstractAsyncContextManager[Cloud]]


@pytest.fixture
def open_cloud(world: World, authority: CertificateAuthority, tmp_path: Path) -> OpenCloud:
    """Gives `open_cloud(…)`: the keywords are settings of the source; its pauses pass quickly."""
    tls = verified_context(authority.ca_file(tmp_path))

    @contextlib.asynccontextmanager
    async def opened(
        *roles: str,
        clock: Clock | None = None,
        behaviour: Behaviour = AS_DOCUMENTED,
        with_subjects: bool = True,
        exception_organizer: str | None = None,
        connections: int = 8,
        other: World | None = None,
        facts: TenantFacts = NOTHING_LEARNED,
        **settings: Any,
    ) -> AsyncIterator[Cloud]:
        clock = clock or pauses_pass_quickly()
        tenant = Tenant(other or world, behaviour=behaviour)
        application = AppRegistration(CLIENT, (), client_secrets={SECRET: datetime.max.replace(tzinfo=UTC)})
        async with (
            EntraSimulator(application, authority=authority) as entra,
            GraphSimulator(tenant, entra, authority=authority, needed=NEEDED) as graph,
        ):
            application.resources = graph.urls
            registration = Registration(authority=entra.url, tenant_id=TENANT, client_id=CLIENT, proof=Secret(SECRET))
            network = Network(tls)
            source_of_tokens = Application(
                registration, f"{graph.url}/.default", network=network, user_agent="calendar-engine/1"
            )
            tokens = GraphTokens(source_of_tokens, f"application {CLIENT}", clock)
            http = ExchangeHttp(
                log_in=tokens, connections=connections, tls=tls, clock=clock, user_agent="calendar-engine/1"
            )
            source = GraphSource(
                ExchangeSettings(
                    type=ExchangeType.CLOUD_GRAPH,
                    authority=entra.url,
                    graph_url=graph.url,
                    connections=connections,
                    **settings,
                ),
                with_subjects=with_subjects,
                exception_organizer=exception_organizer,
                http=http,
                clock=clock,
                random=Random(4),
                facts=lambda: facts,
            )
            cloud = Cloud(tenant, application, entra, graph, source, tokens)
            cloud.grant(*(roles or (CALENDARS,)))
            try:
                yield cloud
            finally:
                await source.close()
        assert graph.ledger.complaints == []

    return opened


@pytest.fixture
async def cloud(open_cloud: OpenCloud) -> AsyncIterator[Cloud]:
    async with open_cloud() as opened:
        yield opened
