"""Connections to a server that has vanished are detected by the system, not by a timeout.

Its end drops every packet; the times after which ours asks are cut short, since they pass for real.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from engine.exchange.errors import AnswerBrokenOff, ExchangeUnreachable, NoAnswerInTime
from engine.exchange.http import wire
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import URL, Iis
from tests.support.quiescence import QuiescentLoop
from tests.support.silence import fall_silent, needs_linux

pytestmark = needs_linux
SOON = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 1, "TCP_USER_TIMEOUT": 1000}


async def answer_nothing(request: web.Request) -> web.StreamResponse | None:
    await fall_silent(request.transport)
    await asyncio.sleep(3600)
    return None


async def begin_and_fall_silent(request: web.Request) -> web.StreamResponse | None:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"<begun>")
    await fall_silent(request.transport)
    await asyncio.sleep(3600)
    return answer


@pytest.fixture
async def soon(iis: Iis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    assert SOON.keys() == wire.KEEP_ALIVE.keys()
    monkeypatch.setattr(wire, "KEEP_ALIVE", SOON)
    yield
    for transport in iis.connections:  # whose ends will never hear that ours are closed
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
    await asyncio.sleep(0)


@pytest.mark.usefixtures("soon")
async def test_a_server_that_is_gone_while_it_works_is_noticed_by_the_system(iis: Iis, open_client: OpenClient) -> None:
    iis.on_authenticated = answer_nothing
    async with open_client(iis) as client:
        with pytest.raises(AnswerBrokenOff, match="timed out") as failed:
            await client.post(URL, b"x", {})
        assert type(failed.value) is not NoAnswerInTime
        iis.on_authenticated = None
        assert (await client.post(URL, b"x", {})).status == 200


@pytest.mark.usefixtures("soon")
async def test_a_server_that_is_gone_while_nothing_is_asked_costs_the_next_request_little(
    iis: Iis, open_client: OpenClient
) -> None:
    async with open_client(iis, connections=1) as client:
        assert (await client.post(URL, b"x", {})).status == 200
        for transport in iis.connections:
            assert isinstance(transport, asyncio.Transport)
            await fall_silent(transport)
        with pytest.raises(ExchangeUnreachable, match="timed out"):
            await client.post(URL, b"x", {})
        assert (await client.post(URL, b"x", {})).status == 200


@pytest.mark.usefixtures("soon")
async def test_a_stream_whose_server_is_gone_breaks_off(iis: Iis, open_client: OpenClient) -> None:
    iis.on_authenticated = begin_and_fall_silent
    async with open_client(iis) as client, client.stream(URL, b"x", {}) as stream:
        chunks = stream.chunks()
        assert await anext(chunks) == b"<begun>"
        with pytest.raises(AnswerBrokenOff, match=r"mail\.corp\.example: Connection timed out"):
            await anext(chunks)


async def test_the_system_is_asked_to_look_after_the_other_end(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        await client.post(URL, b"x", {})
        [theirs] = iis.connections
        loop = asyncio.get_running_loop()
        assert isinstance(theirs, asyncio.Transport)
        assert isinstance(loop, QuiescentLoop)
        with loop.socket_at(theirs.get_extra_info("peername")) as plain:
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            for name, value in wire.KEEP_ALIVE.items():
                assert plain.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
