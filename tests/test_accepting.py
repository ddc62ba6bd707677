"""Accepted connections are never lost, even if the wait for them is cancelled."""

import asyncio
import contextlib
import socket

import pytest

from engine.accepting import next_connection


@pytest.mark.parametrize("steps", range(6))
async def test_none_is_lost_when_the_wait_is_cancelled(steps: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(next_connection(listener))
            for _ in range(3):
                await asyncio.sleep(0)
            peer = socket.create_connection(listener.getsockname())
            for _ in range(steps):
                await asyncio.sleep(0)
            waiting.cancel()
        connection, address = listener.accept() if waiting.cancelled() else waiting.result()
        with peer, connection:
            assert address == peer.getsockname()


async def test_it_does_not_block_and_tells_where_it_comes_from() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()) as peer:
            connection, address = await next_connection(listener)
            with connection:
                assert not connection.getblocking()
                assert address == peer.getsockname()
                with contextlib.suppress(BlockingIOError):
                    assert connection.recv(1) == b"never"


async def test_what_the_system_has_against_it_is_raised() -> None:
    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(24, "Too many open files")

    with Full() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()), pytest.raises(OSError, match="Too many open files"):
            await next_connection(listener)
