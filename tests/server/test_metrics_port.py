"""The port for Prometheus serves metrics on loopback, and nothing else."""

import asyncio
import functools
import socket
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from engine.server.app import MetricsServer, is_of_loopback
from engine.server.errors import MetricsPortUnusable
from tests.support.eventually import eventually
from tests.support.served_engine import people, served_engine
from tests.support.serving import once


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_metrics_and_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    async with served_engine(tmp_path, people(3)) as served, asyncio.TaskGroup() as group:
        await served.settled()
        serving = group.create_task(MetricsServer(served.api_state, port, once).serve())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def page() -> str:
                with suppress(aiohttp.ClientConnectorError):
                    async with session.get("/metrics") as response:
                        return await response.text()
                return ""

            assert "calendar_engine_presences_set_total 3.0\n" in await eventually(page)
            for method, path in (("GET", "/v1/status"), ("POST", "/metrics"), ("PATCH", "/v1/settings"), ("GET", "/")):
                async with session.request(method, path) as refused:
                    assert refused.status in (404, 405)
        serving.cancel()


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with served_engine(tmp_path, people(1)) as served:
            with pytest.raises(MetricsPortUnusable):
                await MetricsServer(served.api_state, taken.getsockname()[1], once).serve()


@pytest.mark.parametrize(
    ("hosts", "is_answered"),
    [
        (["127.0.0.1:9100"], True),
        (["localhost:9100"], True),
        (["LOCALHOST"], True),
        (["localhost."], True),
        (["[::1]:9100"], True),
        (["127.8.9.10"], True),
        (["evil.example:9100"], False),
        (["localhost.evil.example"], False),
        (["127.0.0.1.evil.example"], False),
        (["192.0.2.1"], False),
        (["0.0.0.0"], False),
        ([""], False),
        ([], False),
        (["localhost", "evil.example"], False),
        (["[::1"], True),
    ],
)
def test_only_names_of_loopback_are_answered(hosts: list[str], is_answered: bool) -> None:
    assert is_of_loopback(hosts) is is_answered


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    with suppress(ConnectionRefusedError):
        return await asyncio.open_connection("127.0.0.1", port)
    return None


async def test_a_page_in_a_browser_reads_no_metrics(tmp_path: Path) -> None:
    port = free_port()
    async with served_engine(tmp_path, people(1)) as served, asyncio.TaskGroup() as group:
        serving = group.create_task(MetricsServer(served.api_state, port, once).serve())
        reader, writer = await eventually(functools.partial(connected, port))
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        serving.cancel()
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"calendar_engine_" not in answer
