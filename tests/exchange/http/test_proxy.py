"""Behind a proxy all is as without one; nothing goes past it, and what is wrong with it has a name and a remedy."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from engine.core.expiry import Expiries, Expiring
from engine.core.secret import Secret
from engine.exchange.errors import CertificateNotTrusted
from engine.exchange.http import connection, wire
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.proxy import proxy_of
from engine.exchange.http.proxy_errors import (
    ProxyFailure,
    ProxyInspectsTls,
    ProxyLogInRefused,
    ProxyRefuses,
    ProxyTlsImpossible,
    ProxyUnreachable,
)
from engine.exchange.http.wire import Network
from engine.logins.breaker import LogIns
from engine.settings.model import Authentication
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import RoutedResolver
from engine.simulator.exchange.authentication import Binding, Seen
from engine.simulator.proxy import PROXY_HOST, ProxySimulator
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import ACCOUNT, HOST, URL, Iis, said, serve
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence
from tests.support.tracing import Onlooker

TUNNEL = f"{HOST}:443"
USER, PASSWORD = "CORP\\pröxy", "p@ss:w/rd"
AS_USER = "http://CORP%5Cpr%C3%B6xy@"


@asynccontextmanager
async def behind(
    iis: Iis,
    open_client: OpenClient,
    proxy: ProxySimulator,
    *,
    url: str = "http://",
    password: str = "",
    **options: Any,
) -> AsyncIterator[ExchangeHttp]:
    """A client that can look up no other name than that of the proxy."""
    routes = {("http", PROXY_HOST, 3128): proxy.port}
    found = proxy_of(f"{url}{PROXY_HOST}:3128", Secret(password))
    async with open_client(iis, proxy=found, routes=routes, **options) as client:
        yield client


def to(iis: Iis) -> dict[tuple[str, int], int]:
    return {(HOST, 443): iis.port}


async def test_200_requests_need_one_tunnel_and_one_log_in_per_connection(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    async with (
        serve(authority, binding=Binding.REQUIRE) as iis,
        ProxySimulator(places=to(iis)) as proxy,
        behind(iis, open_client, proxy, connections=8) as client,
    ):
        answers = await asyncio.gather(*(client.post(URL, b"x" * size, {}) for size in range(200)))
        assert [said(answer.body) for answer in answers] == [f"{ACCOUNT} posted {size} bytes" for size in range(200)]
        assert iis.gate.seen == {Seen.CHALLENGED: 8, Seen.LOGGED_IN: 8}
        assert [(each.method, each.target) for each in proxy.asked] == [("CONNECT", TUNNEL)] * 8


@pytest.mark.parametrize("over_tls", [False, True])
async def test_a_proxy_that_wants_a_log_in_gets_it_and_the_server_does_not(
    authority: CertificateAuthority, iis: Iis, open_client: OpenClient, over_tls: bool
) -> None:
    tls = authority.issue(PROXY_HOST).context if over_tls else None
    url = AS_USER.replace("http:", "https:") if over_tls else AS_USER
    async with (
        ProxySimulator(places=to(iis), account=(USER, PASSWORD), tls=tls) as proxy,
        behind(iis, open_client, proxy, url=url, password=PASSWORD) as client,
    ):
        assert (await client.post(URL, b"x", {})).status == 200
        assert (await client.get_anonymously(URL)).status == 401
        assert len(proxy.asked) == 2
        assert not [name for each in iis.requests for name in each.headers if name.startswith("proxy-")]


async def test_plain_http_is_asked_for_at_the_proxy(iis: Iis, open_client: OpenClient) -> None:
    redirecting = web.Application()

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, text=f"{request.host} {request.path_qs}", headers={"Location": URL})

    redirecting.router.add_get("/{path:.*}", redirect)
    runner = web.AppRunner(redirecting, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    places = {("autodiscover.corp.example", 80): runner.addresses[0][1]}
    async with (
        ProxySimulator(places=places, account=(USER, PASSWORD)) as proxy,
        behind(iis, open_client, proxy, url=AS_USER, password=PASSWORD) as client,
    ):
        answer = await client.get_anonymously("http://autodiscover.corp.example/a.xml?b=c")
        assert (answer.status, answer.headers["location"]) == (302, URL)
        assert answer.body == b"autodiscover.corp.example /a.xml?b=c"
        assert [each.target for each in proxy.asked] == ["http://autodiscover.corp.example/a.xml?b=c"]
    async with (
        ProxySimulator(places=places, account=(USER, PASSWORD)) as proxy,
        behind(iis, open_client, proxy) as client,
    ):
        with pytest.raises(ProxyLogInRefused):
            await client.get_anonymously("http://autodiscover.corp.example/a.xml")
    await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "password", "told"), [("http://", "", "no user"), (AS_USER, "wrong", r"user CORP\\pröxy")]
)
async def test_407_is_named_with_what_the_proxy_offers_and_proves_nothing(
    iis: Iis, open_client: OpenClient, url: str, password: str, told: str
) -> None:
    async with (
        ProxySimulator(places=to(iis), account=(USER, PASSWORD), schemes=("Negotiate", "NTLM")) as proxy,
        behind(iis, open_client, proxy, url=url, password=password) as client,
    ):
        for _ in range(2):
            with pytest.raises(ProxyLogInRefused) as failed:
                await client.post(URL, b"x", {})
        assert told.replace("\\\\", "\\") in failed.value.detail
        assert "it offers NTLM, Negotiate" in failed.value.detail
        assert "exchange.proxy_password" in failed.value.remedy
        assert PASSWORD not in str(failed.value)
    assert not iis.gate.seen


async def test_a_wrong_password_is_tried_at_the_proxy_twice_at_most_whoever_asks(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    log_ins = LogIns(clock)
    given: dict[str, Any] = {"url": AS_USER, "password": "wrong", "log_ins": log_ins}
    async with ProxySimulator(places=to(iis), account=(USER, PASSWORD)) as proxy:
        async with behind(iis, open_client, proxy, connections=8, **given) as client:
            asked = [client.post(URL, b"x", {}) for _ in range(40)]
            asked += [client.get_anonymously(url) for url in (URL, f"http://{HOST}/") for _ in range(5)]
            failures = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(each) for each in failures} == {ProxyLogInRefused}
        assert len(proxy.asked) == 2
        async with behind(iis, open_client, proxy, **given) as another:
            with pytest.raises(ProxyLogInRefused, match=r"log-ins are paused until .*2 refused"):
                await another.post(URL, b"x", {})
        assert len(proxy.asked) == 2
        [standing] = [each for each in await log_ins.standings() if each.account.kind == "exchange.proxy_password"]
        assert standing.refused == 2
        async with behind(iis, open_client, proxy, **given | {"password": PASSWORD}) as right:
            assert (await right.post(URL, b"x", {})).status == 200


@pytest.mark.parametrize("status", [403, 502, 503])
async def test_a_destination_that_is_refused_says_nothing_against_the_log_in(
    iis: Iis, open_client: OpenClient, clock: ManualClock, status: int
) -> None:
    log_ins = LogIns(clock)
    async with (
        ProxySimulator(
            places={(HOST, 443): 1}, account=(USER, PASSWORD), status=None if status == 502 else status
        ) as proxy,
        behind(iis, open_client, proxy, url=AS_USER, password=PASSWORD, log_ins=log_ins) as client,
    ):
        for _ in range(6):
            with pytest.raises(ProxyRefuses):
                await client.post(URL, b"x", {})
        assert len(proxy.asked) == 6


@pytest.mark.parametrize("status", [400, 403, 502, 503])
async def test_a_refused_tunnel_is_named_with_its_status(iis: Iis, open_client: OpenClient, status: int) -> None:
    async with (
        ProxySimulator(places={(HOST, 443): 1}, status=None if status == 502 else status) as proxy,
        behind(iis, open_client, proxy) as client,
    ):
        for _ in range(4):
            with pytest.raises(ProxyFailure) as failed:
                await client.post(URL, b"x", {})
        assert type(failed.value) is ProxyRefuses
        assert TUNNEL in failed.value.detail
        assert f"HTTP {status}" in failed.value.detail
        assert "CONNECT" in failed.value.remedy
    assert iis.requests == []


async def test_a_proxy_that_is_not_there_or_says_nothing_is_named(
    iis: Iis, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ProxySimulator(places=to(iis), silent=True) as proxy:
        monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
        async with behind(iis, open_client, proxy) as client:
            with pytest.raises(ProxyRefuses, match="no answer within"):
                await client.post(URL, b"x", {})
    async with behind(iis, open_client, proxy) as client:
        with pytest.raises(ProxyUnreachable, match=r"proxy\.corp\.example:3128"):
            await client.post(URL, b"x", {})


async def test_a_proxy_that_inspects_tls_is_named_and_gets_no_log_in(iis: Iis, open_client: OpenClient) -> None:
    async with (
        ProxySimulator(places=to(iis), inspector=CertificateAuthority("Inspector")) as proxy,
        behind(iis, open_client, proxy) as client,
    ):
        with pytest.raises(ProxyInspectsTls, match=PROXY_HOST) as failed:
            await client.post(URL, b"x", {})
        assert "CN=Inspector" in failed.value.detail
        assert "exchange.ca_file" in failed.value.remedy
    assert iis.requests == []


@pytest.mark.parametrize("binding", [True, False])
async def test_an_inspecting_proxy_that_is_trusted_leaves_only_log_ins_without_channel_binding(
    iis: Iis, open_client: OpenClient, tmp_path: Path, binding: bool
) -> None:
    inspector = CertificateAuthority("Inspector")
    (inside := tmp_path / "inspector").mkdir()
    async with (
        ProxySimulator(places=to(iis), inspector=inspector) as proxy,
        behind(iis, open_client, proxy, ca_file=inspector.ca_file(inside), channel_binding=binding) as client,
    ):
        if binding:
            with pytest.raises(Exception, match="refuses the service account"):
                await client.post(URL, b"x", {})
        else:
            assert (await client.post(URL, b"x", {})).status == 200


async def test_a_proxy_over_tls_is_verified_and_one_without_tls_is_told_apart(
    iis: Iis, open_client: OpenClient
) -> None:
    tls = CertificateAuthority("Somebody else").issue(PROXY_HOST).context
    async with (
        ProxySimulator(places=to(iis), tls=tls) as proxy,
        behind(iis, open_client, proxy, url="https://") as client,
    ):
        with pytest.raises(CertificateNotTrusted, match="The proxy certificate") as untrusted:
            await client.post(URL, b"x", {})
        assert "CN=Somebody else" in untrusted.value.detail
    async with ProxySimulator(places=to(iis)) as proxy, behind(iis, open_client, proxy, url="https://") as client:
        with pytest.raises(ProxyTlsImpossible) as failed:
            await client.post(URL, b"x", {})
        assert "http://" in failed.value.remedy


async def test_a_proxy_that_is_not_trusted_gets_no_password_where_a_certificate_is_only_looked_at(
    authority: CertificateAuthority, iis: Iis, tmp_path: Path
) -> None:
    trusted = connection.verified_context(authority.ca_file(tmp_path))
    somebody_else = CertificateAuthority("Somebody else").issue(PROXY_HOST).context
    right = authority.issue(PROXY_HOST).context
    for tls, seen in ((somebody_else, False), (right, True)):
        async with ProxySimulator(places=to(iis), account=(USER, PASSWORD), tls=tls) as proxy:
            resolver = RoutedResolver({("https", PROXY_HOST, 3128): proxy.port, ("http", PROXY_HOST, 3128): proxy.port})
            url = AS_USER.replace("http:", "https:") + f"{PROXY_HOST}:3128"
            network = Network(trusted, resolver, proxy_of(url, Secret(PASSWORD)))
            shown = await connection.shown_certificate(network, httpx.URL(URL))
            assert (shown is not None) is seen
            assert bool(proxy.asked) is seen


async def test_a_proxy_that_hangs_up_is_named(iis: Iis, open_client: OpenClient) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        proxy = ProxySimulator(places={}, port=server.sockets[0].getsockname()[1])
        async with behind(iis, open_client, proxy) as client:
            with pytest.raises(ProxyRefuses, match="closes the connection"):
                await client.post(URL, b"x", {})


async def test_what_comes_behind_the_head_of_a_tunnel_is_refused(iis: Iis, open_client: OpenClient) -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(eager, "127.0.0.1", 0) as server:
        proxy = ProxySimulator(places={}, port=server.sockets[0].getsockname()[1])
        async with behind(iis, open_client, proxy) as client:
            with pytest.raises(ProxyRefuses):
                await client.post(URL, b"x", {})


async def test_a_tunnel_that_is_cut_is_replaced(iis: Iis, open_client: OpenClient) -> None:
    async with (
        ProxySimulator(places=to(iis)) as proxy,
        behind(iis, open_client, proxy, authentication=Authentication.NEGOTIATE) as client,
    ):
        assert (await client.post(URL, b"x", {})).status == 200
        proxy.cut()
        await quiescence()
        assert (await client.post(URL, b"x", {})).status == 200
        assert len(proxy.asked) == 2


async def test_the_way_through_the_proxy_counts_as_connecting(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker()
    async with (
        ProxySimulator(places=to(iis)) as proxy,
        behind(iis, open_client, proxy, trace=onlooker) as client,
    ):
        await client.post(URL, b"x", {})
    [seen] = onlooker.seen
    assert set(seen.phases) == {"queue", "connect", "tls", "login", "send", "wait", "receive"}
    assert sum(seen.phases.values()) <= seen.seconds + 1e-6


async def test_proxies_of_the_environment_are_not_used(
    iis: Iis, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile)
    async with open_client(iis) as client:
        assert (await client.post(URL, b"x", {})).status == 200


async def test_the_ends_of_the_certificates_of_proxy_and_server_are_noted(
    authority: CertificateAuthority, iis: Iis, tmp_path: Path
) -> None:
    ends, expiries = datetime(2040, 1, 1, tzinfo=UTC), Expiries(ManualClock())
    async with ProxySimulator(places=to(iis), tls=authority.issue(PROXY_HOST, ends=ends).context) as proxy:
        resolver = RoutedResolver({("https", PROXY_HOST, 3128): proxy.port})
        trusted = connection.verified_context(authority.ca_file(tmp_path))
        looking = Network(trusted, resolver, proxy_of(f"https://{PROXY_HOST}:3128", Secret("")), server_tls=trusted)
        async with wire.connected(replace(looking, expiries=expiries), httpx.URL(URL), 5.0):
            assert [each.kind for each in expiries.first] == [Expiring.PROXY_CERTIFICATE]
        async with wire.connected(replace(looking, expiries=expiries, server_tls=None), httpx.URL(URL), 5.0):
            server, at_proxy = expiries.first
    assert (at_proxy.place, at_proxy.ends) == (f"{PROXY_HOST}:3128", ends)
    assert (server.kind, server.place) == (Expiring.EXCHANGE_CERTIFICATE, TUNNEL)
