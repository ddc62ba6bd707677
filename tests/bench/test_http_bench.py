"""What one request costs each of the HTTP clients that Exchange could be asked by: the same FindItem, with HTTP Basic.

Goal: no more than aiohttp, whose server and WebSocket are in use anyway. The server is a process of its own.
"""

import base64
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import httpx
import pytest

from engine.exchange.ews.find_item import find_item
from engine.exchange.ews.soap import Impersonation, envelope
from engine.exchange.http.connection import HttpConnection, verified_context
from engine.exchange.http.messages import HttpRequest, parse_url
from engine.exchange.http.wire import Network
from engine.exchange.source import Window
from engine.simulator.world import generate
from tests.bench.exchange_server import BERLIN, MONDAY, Server, served

REQUESTS = 1000
ROUNDS = 3
ACCOUNT = b"CORP\\svc-calendar:simulated-Passw0rd"
HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "X-AnchorMailbox": "user00001@corp.example",
    "Authorization": "Basic " + base64.b64encode(ACCOUNT).decode(),
}
Ask = Callable[[], Awaitable[bytes]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(10, 20, MONDAY, tmp_path) as server:
        yield server


def a_request() -> bytes:
    day = generate(0, 0, MONDAY, BERLIN)
    window = Window(day.instant("00:00"), day.instant("00:00", 2))
    return envelope(find_item(window, with_subjects=True), Impersonation("user00001@corp.example"))


async def clients(server: Server, stack: AsyncExitStack) -> dict[str, Ask]:
    """Give the clients, each with one connection."""
    tls, body = verified_context(server.ca_file), a_request()
    ours = HttpConnection(Network(tls), "bench")
    stack.push_async_callback(ours.close)
    plain = await stack.enter_async_context(httpx.AsyncClient(verify=tls, trust_env=False))
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)))

    async def by_ours() -> bytes:
        return (await ours.exchange(HttpRequest("POST", parse_url(server.url), HEADERS, body))).body

    async def by_httpx() -> bytes:
        return (await plain.post(server.url, content=body, headers=HEADERS)).content

    async def by_aiohttp() -> bytes:
        async with session.post(server.url, data=body, headers=HEADERS) as answer:
            return await answer.read()

    return {"httpx over our transport": by_ours, "aiohttp": by_aiohttp, "httpx over its own": by_httpx}


async def cost_of(ask: Ask) -> float:
    """Return the CPU time of one request in seconds."""
    assert b"CalendarItem" in await ask()
    begun = time.process_time()
    for _ in range(REQUESTS):
        await ask()
    return (time.process_time() - begun) / REQUESTS


@pytest.mark.timeout(600)
async def test_a_request_costs_about_what_aiohttp_takes(server: Server) -> None:
    costs: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        asking = await clients(server, stack)
        for _ in range(ROUNDS):
            for name, ask in asking.items():
                costs[name] = min(costs.get(name, 1.0), await cost_of(ask))
    print("\n" + "\n".join(f"{name:<26}{1000 * cost:6.3f} ms CPU a request" for name, cost in costs.items()))
    assert costs["httpx over our transport"] <= 1.5 * costs["aiohttp"]
    assert costs["httpx over our transport"] <= costs["httpx over its own"] / 2
