"""What whoever looks on learns of an exchange, and of how long its phases took."""

from pathlib import Path

import pytest

from engine.core.traced import TracedExchange
from engine.exchange.failures import CertificateNotTrusted
from engine.simulator.certificates import CertificateAuthority
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import URL, Iis


class Looking:
    def __init__(self, *, on: bool) -> None:
        self.on = on
        self.taken: list[TracedExchange] = []

    def take(self, exchange: TracedExchange) -> None:
        self.taken.append(exchange)


async def test_the_first_exchange_connects_and_logs_in_and_the_next_ones_do_not(
    iis: Iis, open_client: OpenClient
) -> None:
    looking = Looking(on=True)
    async with open_client(iis, trace=looking, connections=1) as client:
        await client.post(URL, b"first", {})
        await client.post(URL, b"second", {})
    first, second = looking.taken
    assert set(first.phases) == {"connect", "tls", "login", "send", "wait", "receive", "queue"}
    assert set(second.phases) == {"send", "wait", "receive", "queue"}
    for exchange in looking.taken:
        assert all(seconds >= 0 for seconds in exchange.phases.values())
        assert sum(exchange.phases.values()) <= exchange.seconds
    assert [exchange.request for exchange in looking.taken] == [b"first", b"second"]


async def test_a_failure_is_seen_with_its_name(iis: Iis, open_client: OpenClient, tmp_path: Path) -> None:
    looking = Looking(on=True)
    stranger = CertificateAuthority("Somebody else").ca_file(tmp_path)
    async with open_client(iis, trace=looking, ca_file=stranger) as client:
        with pytest.raises(CertificateNotTrusted) as raised:
            await client.post(URL, b"x", {})
    assert [(each.failure, each.status) for each in looking.taken] == [(raised.value.slug, None)]


async def test_nothing_is_taken_while_nobody_looks_on(iis: Iis, open_client: OpenClient) -> None:
    looking = Looking(on=False)
    async with open_client(iis, trace=looking) as client:
        await client.post(URL, b"first", {})
    assert looking.taken == []
