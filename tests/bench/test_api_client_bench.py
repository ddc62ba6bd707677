"""What the client of the local API costs: a request, a stream of events, and a whole command.

Goal: a request for less than httpx takes over its own transport, and a command no slower than with the client by hand
that this one replaced. httpx-sse is measured where it is installed (pip install httpx-sse), but no part of the product.
"""

import asyncio
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from engine.api.client import ApiClient
from engine.api.event_parser import EventParser
from tests.support.eventually import eventually
from tests.support.served_engine import people, served_engine

pytestmark = pytest.mark.process

REQUESTS = 1000
ROUNDS = 5
COMMANDS = 20
COMMAND = 0.2
"""Seconds of the processor for `calendar-engine status`."""

CHANGE = (
    b'{"event":{"number":12345,"guid":"000000000000000000000000000012ab","name":"User Number 123","activity":"busy",'
    b'"note":"Jour fixe bis 10:00","at":"2026-03-02T09:00:00Z","reason":"appointment"}}'
)
STREAMS = {
    "50,000 changes": b"".join(b"id: b-%d\nevent: changes\ndata: %s\n\n" % (n, CHANGE) for n in range(50_000)),
    "a snapshot of 4 MB": b'id: b-0\nevent: snapshot\ndata: {"users":"%s"}\n\n' % (b"x" * 4_000_000),
}
PORTION = 64 * 1024

WITHOUT_CLICK = "import sys; sys.modules['click'] = None; from engine.cli.main import program; program()"
"""The command as where the product alone is installed: beside click, httpx loads its own command line."""


async def serve(directory: Path) -> None:
    """Serve an engine with twenty users until this process is killed."""
    ready = directory / "ready"
    async with served_engine(directory, people(20)) as served:
        await served.settled()
        ready.touch()
        await asyncio.Event().wait()


@pytest.fixture
async def engine_socket(tmp_path: Path) -> AsyncIterator[Path]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, str(tmp_path))
    try:
        await eventually((tmp_path / "ready").exists)
        yield tmp_path / "engine.sock"
    finally:
        process.kill()
        await process.wait()


async def test_a_request_costs_less_than_over_the_transport_of_httpx(engine_socket: Path) -> None:
    api = ApiClient(engine_socket)
    transport = httpx.AsyncHTTPTransport(uds=str(engine_socket), trust_env=False)
    costs: dict[str, float] = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", trust_env=False) as plain:

        async def by_plain() -> bytes:
            return (await plain.get("/v1/status")).content

        async def by_ours() -> bytes:
            return await api.read("/v1/status")

        asking: dict[str, Callable[[], Awaitable[bytes]]] = {"ApiClient": by_ours, "httpx alone, kept open": by_plain}
        for _ in range(ROUNDS):
            for name, ask in asking.items():
                costs[name] = min(costs.get(name, 1.0), await cost_of(ask))
    print("\n" + "\n".join(f"{name:<24}{1000 * cost:6.3f} ms CPU a request" for name, cost in costs.items()))
    assert costs["ApiClient"] <= 0.75 * costs["httpx alone, kept open"]


async def cost_of(ask: Callable[[], Awaitable[bytes]]) -> float:
    """Return the CPU time of one request in seconds."""
    assert b"links" in await ask()
    begun = time.process_time()
    for _ in range(REQUESTS):
        await ask()
    return (time.process_time() - begun) / REQUESTS


class Portions(httpx.AsyncByteStream):
    """A body as it comes from a socket."""

    def __init__(self, portions: list[bytes]) -> None:
        self._portions = portions

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for each in self._portions:
            yield each


def response(stream: bytes) -> httpx.Response:
    portions = [stream[start : start + PORTION] for start in range(0, len(stream), PORTION)]
    head = {"Content-Type": "text/event-stream"}
    return httpx.Response(
        200, headers=head, stream=Portions(portions), request=httpx.Request("GET", "http://localhost")
    )


async def by_ours(stream: bytes) -> int:
    parser, count = EventParser(), 0
    async for part in response(stream).aiter_raw():
        count += len(parser.feed(part))
    return count


async def by_httpx_sse(stream: bytes) -> int:
    httpx_sse = pytest.importorskip("httpx_sse")
    return len([event async for event in httpx_sse.EventSource(response(stream)).aiter_sse()])


@pytest.mark.parametrize("parse", [by_ours, by_httpx_sse])
@pytest.mark.parametrize("name", STREAMS)
async def test_events(name: str, parse: Callable[[bytes], Awaitable[int]]) -> None:
    stream, best = STREAMS[name], 1.0
    for _ in range(ROUNDS):
        begun = time.process_time()
        count = await parse(stream)
        best = min(best, time.process_time() - begun)
    print(f"\n{name}, {parse.__name__}: {best * 1000:.1f} ms, {count / best:,.0f} events a second")
    assert best <= 0.3


async def test_a_command(engine_socket: Path) -> None:
    walls: list[float] = []
    before = processor_time()
    for _ in range(COMMANDS):
        begun = time.perf_counter()
        command = ("-c", WITHOUT_CLICK, "status", "--socket", str(engine_socket))
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() in (os.EX_OK, 1)
        walls.append(time.perf_counter() - begun)
    cost = (processor_time() - before) / COMMANDS
    print(f"\ncalendar-engine status: {1000 * statistics.median(walls):.0f} ms, of the processor {1000 * cost:.0f} ms")
    assert cost <= COMMAND


def processor_time() -> float:
    """Return what processes that have ended took of the processor, in seconds."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
