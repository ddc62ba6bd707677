"""A wrong password does not lock the account, however many connections want to log in."""

import asyncio

import pytest

from engine.core.settings.model import Authentication
from engine.exchange.failures import LoginRefused
from engine.exchange.http.client import ExchangeHttp
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.ntlm import Seen
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import ACCOUNT, PASSWORD, URL, Iis, serve
from tests.support.clock import ManualClock


async def outcomes(client: ExchangeHttp, requests: int) -> list[type[BaseException] | int]:
    results = await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(requests)), return_exceptions=True)
    return [type(result) if isinstance(result, BaseException) else result.status for result in results]


@pytest.mark.parametrize("authentication", list(Authentication))
async def test_eight_cold_lanes_try_a_wrong_password_twice_at_most(
    authority: CertificateAuthority, open_client: OpenClient, authentication: Authentication
) -> None:
    async with (
        serve(authority, schemes=("Negotiate", "NTLM", "Basic")) as iis,
        open_client(iis, password="wrong", authentication=authentication) as client,
    ):
        assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 2
        requests = len(iis.requests)
        assert await outcomes(client, 20) == [LoginRefused] * 20
        assert len(iis.requests) == requests


async def test_one_request_alone_tries_twice(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis, password="wrong") as client:
        assert await outcomes(client, 1) == [LoginRefused]
    assert iis.gate.seen[Seen.REFUSED] == 2


async def test_a_pause_allows_one_log_in_in_15_minutes(iis: Iis, open_client: OpenClient, clock: ManualClock) -> None:
    async with open_client(iis, password="wrong") as client:
        await outcomes(client, 8)
        for probes in range(1, 4):
            await clock.advance(15 * 60 - 1)
            assert await outcomes(client, 8) == [LoginRefused] * 8
            assert iis.gate.seen[Seen.REFUSED] == 1 + probes
            await clock.advance(1)
            assert await outcomes(client, 8) == [LoginRefused] * 8
            assert iis.gate.seen[Seen.REFUSED] == 2 + probes


async def test_a_password_that_is_right_again_brings_all_lanes_back(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    iis.gate.accounts = {ACCOUNT: "changed"}
    async with open_client(iis) as client:
        await outcomes(client, 8)
        iis.gate.accounts = {ACCOUNT: PASSWORD}
        assert await outcomes(client, 8) == [LoginRefused] * 8
        await clock.advance(15 * 60)
        assert await outcomes(client, 1) == [200]
        assert await outcomes(client, 8) == [200] * 8
    assert iis.gate.seen[Seen.REFUSED] == 2


async def test_a_password_changed_while_all_connections_are_lost_is_tried_twice_at_most(
    iis: Iis, open_client: OpenClient
) -> None:
    async with open_client(iis) as client:
        assert await outcomes(client, 8) == [200] * 8
        iis.gate.accounts = {ACCOUNT: "changed"}
        assert await outcomes(client, 8) == [200] * 8
        await iis.close_connections()
        assert await outcomes(client, 8) == [LoginRefused] * 8
    assert iis.gate.seen[Seen.REFUSED] == 2


async def test_the_failure_says_who_where_and_when_next(iis: Iis, open_client: OpenClient, clock: ManualClock) -> None:
    async with open_client(iis, password="wrong") as client:
        with pytest.raises(LoginRefused, match=r"CORP\\svc-ews at mail.corp.example") as first:
            await client.post(URL, b"x", {})
        await clock.advance(60)
        with pytest.raises(LoginRefused) as paused:
            await client.post(URL, b"x", {})
    assert paused.value.retry_after == 14 * 60
    assert "wrong" not in str(first.value) + repr(first.value)


async def test_basic_counts_a_password_changed_in_the_middle_of_work(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    async with (
        serve(authority, schemes=("Basic",)) as iis,
        open_client(iis, authentication=Authentication.BASIC, connections=1) as client,
    ):
        assert await outcomes(client, 1) == [200]
        iis.gate.accounts = {ACCOUNT: "changed"}
        assert await outcomes(client, 5) == [LoginRefused] * 5
        assert iis.gate.seen[Seen.REFUSED] == 2
