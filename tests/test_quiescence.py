"""Quiescence is reached when everything in progress has had its effect, and not before."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from engine.simulator.certificates import CertificateAuthority
from tests.support import eventually as module
from tests.support.quiescence import quiescence

Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo(authority: CertificateAuthority | None) -> AsyncIterator[Ends]:
    """A connection to a server that sends every line back."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server_tls = authority.issue("localhost").context if authority else None
    client_tls = ssl.create_default_context(cadata=authority.pem.decode()) if authority else None
    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server_tls) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port, ssl=client_tls)
        yield reader, writer
        writer.close()
        await writer.wait_closed()
        await quiescence()


@pytest.mark.parametrize("secure", [False, True])
async def test_what_goes_to_and_fro_between_sockets_has_come_to_its_end(
    secure: bool, authority: CertificateAuthority
) -> None:
    async with echo(authority if secure else None) as (reader, writer):
        came = list[bytes]()

        async def ping_pong() -> None:
            for number in range(50):
                writer.write(b"%d %s\n" % (number, b"x" * 30_000))
                came.append(await reader.readline())

        async with asyncio.TaskGroup() as group:
            group.create_task(ping_pong())
            await quiescence()
            assert len(came) == 50


async def test_a_connection_that_is_being_made_is_made() -> None:
    async with echo(None) as (_, writer), asyncio.TaskGroup() as group:
        port = writer.get_extra_info("peername")[1]
        connecting = group.create_task(asyncio.open_connection("localhost", port))
        await quiescence()
        assert connecting.done()
        connecting.result()[1].close()


async def test_a_thread_has_come_back() -> None:
    go_on = threading.Event()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(asyncio.to_thread(go_on.wait))
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        await quiescence()
        assert working.done()


async def test_nobody_waits_for_a_timer() -> None:
    async with asyncio.TaskGroup() as group:
        sleeping = group.create_task(asyncio.sleep(3600))
        await quiescence()
        assert not sleeping.done()
        sleeping.cancel()


async def test_who_waits_for_what_does_not_come_to_rest_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)

    loop, is_over = asyncio.get_running_loop(), asyncio.Event()

    def go_on() -> None:
        if not is_over.is_set():
            loop.call_soon(go_on)

    go_on()
    with pytest.raises(TimeoutError):
        await quiescence()
    is_over.set()
    monkeypatch.undo()
    await quiescence()
