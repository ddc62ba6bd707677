"""Streaming responses have an authenticated connection of their own, and are delivered as they arrive."""

import asyncio

import pytest
from aiohttp import web

from engine.exchange.errors import CertificateNotTrusted, ExchangeUnreachable, LoginRefused
from engine.simulator.exchange.authentication import Seen
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import URL, Iis
from tests.support.eventually import patience
from tests.support.quiescence import quiescence


class Endless:
    """Sends what it is told to, for as long as it is told to."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.over = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression()
        await response.prepare(request)
        try:
            while (piece := await self.pieces.get()) is not None:
                await response.write(piece)
        finally:
            self.over.set()
        return response


@pytest.fixture
def endless(iis: Iis) -> Endless:
    endless = Endless()
    iis.on_authenticated = endless
    return endless


async def test_every_piece_is_given_before_the_next_is_sent(
    iis: Iis, endless: Endless, open_client: OpenClient
) -> None:
    async with open_client(iis) as client, client.stream(URL, b"x", {}) as answer:
        assert answer.status == 200
        chunks = answer.chunks()
        for piece in (b"<one>", b"<two>", b"\xc3", b"\xbc"):
            endless.pieces.put_nowait(piece)
            async with patience():
                assert await anext(chunks) == piece
        endless.pieces.put_nowait(None)
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_a_stream_takes_no_lane_and_leaves_no_connection(
    iis: Iis, endless: Endless, open_client: OpenClient
) -> None:
    async with open_client(iis, connections=1) as client:
        async with client.stream(URL, b"x", {}), client.stream(URL, b"x", {}), client.stream(URL, b"x", {}):
            iis.on_authenticated = None
            async with patience():
                assert (await client.post(URL, b"x", {})).status == 200
            # The breaker allows two log-ins under way: an open stream is none of them.
            assert iis.gate.seen == {Seen.CHALLENGED: 4, Seen.LOGGED_IN: 4}
        await quiescence()
        open_connections = [
            one for one in iis.connections if isinstance(one, asyncio.Transport) and not one.is_closing()
        ]
        assert len(open_connections) == 1


async def test_another_status_is_an_answer_with_an_end(iis: Iis, open_client: OpenClient) -> None:
    async def fault(request: web.Request) -> web.Response:
        return web.Response(status=500, body=b"<fault/>", headers={"Retry-After": "3"})

    iis.on_authenticated = fault
    async with open_client(iis) as client, client.stream(URL, b"x", {}) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (500, "3")
        assert b"".join([chunk async for chunk in answer.chunks()]) == b"<fault/>"


async def test_a_stream_that_breaks_off_has_a_name(iis: Iis, endless: Endless, open_client: OpenClient) -> None:
    async with open_client(iis) as client, client.stream(URL, b"x", {}) as answer:
        endless.pieces.put_nowait(b"<one>")
        chunks = answer.chunks()
        assert await anext(chunks) == b"<one>"
        await iis.close_connections()
        with pytest.raises(ExchangeUnreachable):
            await anext(chunks)


async def test_a_wrong_password_counts_for_all_connections(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis, password="wrong") as client:
        with pytest.raises(LoginRefused):
            async with client.stream(URL, b"x", {}):
                pass
        with pytest.raises(LoginRefused, match="paused"):
            await client.post(URL, b"x", {})
    assert iis.gate.seen[Seen.REFUSED] == 2


async def test_the_log_in_goes_over_tls_only(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        with pytest.raises(CertificateNotTrusted):
            async with client.stream(URL.replace("https", "http"), b"x", {}):
                pass
