"""Tokens come through the proxy of the settings, and what is wrong with it is no wrong client secret."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engine.core.secret import Secret
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure
from engine.exchange.http.proxy import Proxy, proxy_of
from engine.exchange.http.proxy_errors import (
    ProxyInspectsTls,
    ProxyLogInRefused,
    ProxyRefuses,
    ProxyTlsImpossible,
    ProxyUnreachable,
)
from engine.exchange.oauth.msal_client import Registration
from engine.exchange.oauth.tokens import BearerTokens
from engine.logins.breaker import LogIns
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT, EntraSimulator
from engine.simulator.proxy import ProxySimulator
from tests.exchange.oauth.conftest import BY_SECRET, CLIENT, MakeApplication
from tests.support.clock import ManualClock
from tests.support.tracing import Onlooker

ACCOUNT = ("proxy-user", "s3cr3t-of-the-proxy")


def place_of(entra: EntraSimulator) -> tuple[str, int]:
    url = httpx.URL(entra.url)
    return url.host, url.port or 443


def proxy_to(entra: EntraSimulator, **options: Any) -> ProxySimulator:
    return ProxySimulator(places={place_of(entra): place_of(entra)[1]}, **options)


def at(proxy: ProxySimulator, *, password: str = "", scheme: str = "http") -> Proxy | None:
    user = ACCOUNT[0] + "@" if password else ""
    return proxy_of(f"{scheme}://{user}localhost:{proxy.port}", Secret(password))


@pytest.fixture
async def proxy(entra: EntraSimulator) -> AsyncIterator[ProxySimulator]:
    async with proxy_to(entra) as running:
        yield running


async def failure_of(make_application: MakeApplication, proxy: Proxy | None) -> ExchangeFailure:
    application = make_application(proxy=proxy)
    with pytest.raises(ExchangeFailure) as failed:
        await asyncio.to_thread(application.token, other_than_before=False)
    application.close()
    return failed.value


@pytest.mark.parametrize("over_tls", [False, True])
async def test_a_token_is_got_through_a_proxy_with_a_log_in(
    authority: CertificateAuthority, entra: EntraSimulator, make_application: MakeApplication, over_tls: bool
) -> None:
    tls = authority.issue("localhost").context if over_tls else None
    onlooker = Onlooker()
    async with proxy_to(entra, account=ACCOUNT, tls=tls) as proxy:
        through = at(proxy, password=ACCOUNT[1], scheme="https" if over_tls else "http")
        application = make_application(proxy=through, trace=onlooker)
        token = await asyncio.to_thread(application.token, other_than_before=False)
        application.close()
    assert token.value
    assert {each.target for each in proxy.asked} == {"{}:{}".format(*place_of(entra))}
    assert ACCOUNT[1] not in repr(onlooker.seen)
    assert set(onlooker.seen[0].phases) == {"connect", "tls", "send", "wait", "receive"}
    for seen in onlooker.seen:
        assert sum(seen.phases.values()) <= seen.seconds + 1e-6


async def test_each_failure_of_a_proxy_has_its_name(
    authority: CertificateAuthority, entra: EntraSimulator, make_application: MakeApplication, proxy: ProxySimulator
) -> None:
    proxy.status = 403
    refused = await failure_of(make_application, at(proxy))
    assert type(refused) is ProxyRefuses
    assert "403" in refused.detail
    proxy.status, proxy.account = None, ACCOUNT
    assert type(await failure_of(make_application, at(proxy))) is ProxyLogInRefused
    wrong = await failure_of(make_application, at(proxy, password="wrong"))
    assert type(wrong) is ProxyLogInRefused
    proxy.account, proxy.inspector = None, CertificateAuthority("Inspector")
    inspected = await failure_of(make_application, at(proxy))
    assert type(inspected) is ProxyInspectsTls
    assert "CN=Inspector" in inspected.detail
    assert type(await failure_of(make_application, at(proxy, scheme="https"))) is ProxyTlsImpossible
    stranger = CertificateAuthority("Somebody else").issue("localhost").context
    async with proxy_to(entra, tls=stranger) as over_tls:
        untrusted = await failure_of(make_application, at(over_tls, scheme="https"))
    assert type(untrusted) is CertificateNotTrusted
    assert "The proxy certificate" in str(untrusted)
    assert type(await failure_of(make_application, at(over_tls))) is ProxyUnreachable


async def test_a_proxy_that_refuses_costs_no_log_in(
    entra: EntraSimulator, make_application: MakeApplication, proxy: ProxySimulator
) -> None:
    clock = ManualClock()
    proxy.status = 503
    registration = Registration(authority="", tenant_id=TENANT, client_id=CLIENT, proof=BY_SECRET)
    breaker = LogIns(clock).breaker(registration.account, registration.identity)
    tokens = BearerTokens(make_application(proxy=at(proxy)), "application x", clock, breaker)
    for _ in range(6):
        with pytest.raises(ProxyRefuses):
            await tokens.authorization()
        await clock.advance(60)
    assert await breaker.pause() is None
    proxy.status = None
    await clock.advance(60)
    assert (await tokens.authorization()).startswith("Bearer ")
    await tokens.close()


async def test_an_answer_of_any_size_is_not_read(
    entra: EntraSimulator, make_application: MakeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchange.oauth.msal_client.MAX_BODY", 100)
    failure = await failure_of(make_application, None)
    assert "an answer of more than 100 bytes" in failure.detail
