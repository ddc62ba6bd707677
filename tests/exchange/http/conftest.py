"""Server, client and clock for the tests of the HTTP client."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from engine.core.secret import Secret
from engine.exchange.http.auth import Credential
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.connection import verified_context
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.trace import Trace
from engine.logins.breaker import LogIns
from engine.settings.model import Authentication
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import RoutedResolver, Routes
from tests.exchange.http.iis import ACCOUNT, HOST, PASSWORD, Iis, serve
from tests.support.clock import ManualClock

OpenClient = Callable[..., AbstractAsyncContextManager[ExchangeHttp]]


@pytest.fixture
async def iis(authority: CertificateAuthority) -> AsyncIterator[Iis]:
    async with serve(authority) as server:
        yield server


@pytest.fixture
def open_client(authority: CertificateAuthority, clock: ManualClock, tmp_path: Path) -> OpenClient:
    """Gives `open_client(server, …)`: a client for which HOST leads to `server`, unless it has other `routes`."""
    ca_file = authority.ca_file(tmp_path)

    @contextlib.asynccontextmanager
    async def opened(
        server: Iis,
        *,
        user: str = ACCOUNT,
        password: str = PASSWORD,
        authentication: Authentication = Authentication.NTLM,
        channel_binding: bool = True,
        connections: int = 8,
        ca_file: Path = ca_file,
        trace: Trace | None = None,
        log_ins: LogIns | None = None,
        proxy: Proxy | None = None,
        routes: Routes | None = None,
    ) -> AsyncIterator[ExchangeHttp]:
        routes = {("https", HOST, 443): server.port} if routes is None else routes
        client = ExchangeHttp(
            log_in=Credential(user, Secret(password), authentication, channel_binding),
            connections=connections,
            tls=verified_context(ca_file),
            clock=clock,
            user_agent="calendar-engine/1",
            resolver=RoutedResolver(routes),
            proxy=proxy,
            trace=trace,
            log_ins=log_ins,
        )
        try:
            yield client
        finally:
            await client.close()

    return opened
