"""A listener on a Unix socket that answers with given bytes, whatever is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

LONGEST_HEAD = 1024 * 1024


@asynccontextmanager
async def answering(path: Path, answer: bytes, *, hang_up: bool = True) -> AsyncIterator[list[bytes]]:
    """Context manager of the listener, which gives the heads of all requests.

    Without `hang_up` the client has to close its connections, and the end is waited for.
    """
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # the client has read enough, or asks nothing
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            if not hang_up:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with asyncio.TaskGroup() as group:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            group.create_task(serve(reader, writer))

        async with await asyncio.start_unix_server(accept, str(path), limit=LONGEST_HEAD):
            yield asked
