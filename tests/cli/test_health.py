"""`calendar-engine health` as a monitoring system calls it."""

import asyncio
from pathlib import Path

import pytest

from engine.exchange.errors import MailboxNotFound
from tests.support.command import command
from tests.support.served_engine import InstantSource, people, served_engine

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_exit_status_and_line(tmp_path: Path) -> None:
    source = InstantSource()
    source.failures["user1@corp.example"] = MailboxNotFound("user1@corp.example is not in the directory")
    async with served_engine(tmp_path, people(3), source=source) as served:
        await served.settled()

        async def health(*options: str) -> tuple[int, str, str]:
            ended = await command("health", "--socket", str(served.socket), *options)
            return ended.status, ended.out, ended.err

        warning, critical = await asyncio.gather(health(), health("--no-calendar", "1,1"))
        mistyped, unknown_option = await asyncio.gather(health("--age", "old"), health("--of", "all"))
        served.socket.with_name("engine-ro.sock").unlink()
        served.socket.unlink()
        gone = await health()
    assert warning[0] == 1
    assert warning[1].startswith("CALENDAR WARNING - 3 users, 2 with a calendar; No mailbox found | users=3;;;0 ")
    assert warning[1].count("\n") == 1
    assert critical[0] == 2
    assert "; no_calendar 1 | " in critical[1]
    assert " no_calendar=1;1;1;0 " in critical[1]
    assert (mistyped[0], unknown_option[0], gone[0]) == (3, 3, 3)
    assert gone[1].startswith("CALENDAR UNKNOWN - The engine cannot be reached: nothing is listening on ")
    assert {warning[2], critical[2], gone[2]} == {""}


async def test_an_engine_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    socket = tmp_path / "engine.sock"
    async with await asyncio.start_unix_server(silent, socket):
        ended = await command("health", "--socket", str(socket), "--timeout", "0.2")
    assert connected.is_set()
    assert (ended.status, ended.err) == (3, "")
    assert ended.out == "CALENDAR UNKNOWN - the engine does not answer within 0.2 s\n"
