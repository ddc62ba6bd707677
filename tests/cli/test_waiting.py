"""Every command reports what it is waiting for, and ends on Ctrl+C without a traceback."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.exchange.errors import ExchangeUnreachable, LoginRefused, ServiceAccountBusy
from tests.support.command import Ended, command
from tests.support.eventually import eventually, patience
from tests.support.served_engine import InstantSource, ServedEngine, people, served_engine

pytestmark = pytest.mark.slow

USERS = people(6)
GOOD = """
[pbx]
master = "headquarters"
host = "127.0.0.1"
[exchange]
type = "on-premises"
user = "svc@corp.example"
"""


@asynccontextmanager
async def interrupted(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """Context manager that runs a command, interrupts it at the end, and collects its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine.cli.main",
        *arguments,
        env=os.environ | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said: list[str] = []
    try:
        yield process, said
        process.send_signal(signal.SIGINT)
        async with patience():
            _, err = await process.communicate()
        said.append(err.decode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def heard(process: asyncio.subprocess.Process, words: str) -> None:
    """Wait until the command has printed this on standard error."""
    assert process.stderr is not None
    async with patience():
        async for line in process.stderr:
            if words in line.decode():
                return
    raise AssertionError(f"{words!r} was not said")


async def close_exchange(served: ServedEngine) -> None:
    """Pause log-ins to Exchange, as after two refusals."""
    served.source.failures |= {
        f"{user.name}@corp.example": LoginRefused("log-ins are paused", retry_after=900) for user in USERS
    }
    served.engine.resync(USERS[0].guid)
    await eventually(lambda: served.engine.status().exchange.failure is not None)


@pytest.mark.process
async def test_resync_ends_at_once_with_the_reason_while_log_ins_are_paused(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        await close_exchange(served)
        told, as_json, one = await asyncio.gather(
            *(
                command(*arguments, "--socket", str(served.socket))
                for arguments in (("resync",), ("resync", "--json"), ("resync", "--resolve", "user1"))
            )
        )
        status = served.engine.status().exchange
    for each in (told, one):
        assert each.status == 1
        assert " again: 0 of " in each.out
        assert ". Stopped: " in each.out
        assert LoginRefused.meaning in each.err
        assert "log-ins are paused" in each.err
        assert "Next try at" in each.err
    assert '"state":"blocked"' in as_json.out
    assert '"type":"login-refused"' in as_json.out
    assert status.retry_at is not None


@pytest.mark.parametrize("failure", [LoginRefused("no"), ExchangeUnreachable("no route to host")], ids=["login", "net"])
async def test_a_resync_that_is_under_way_ends_when_exchange_does_not_work_any_more(
    tmp_path: Path, failure: LoginRefused | ExchangeUnreachable
) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        served.source.failures |= {f"{user.name}@corp.example": failure for user in USERS}
        async with served.session().post("/v1/resync") as response:
            operation = (await response.json())["id"]
        await eventually(lambda: served.api_state.operations.all()[0].state != "running")
        ended = await served.get(f"/v1/operations/{operation}")
        assert (ended["state"], ended["trouble"]["type"]) == ("blocked", failure.slug)
        assert ended["ended"] is not None
        assert ended["until"] is not None


@pytest.mark.process
async def test_what_a_resync_waits_for_is_said(tmp_path: Path) -> None:
    source = InstantSource()
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        source.gate.clear()
        async with interrupted("resync", "user1", "--socket", str(served.socket)) as (process, said):
            await heard(process, "0 of 1")
            source.failures["user1@corp.example"] = ServiceAccountBusy(retry_after=900)
            source.gate.set()
            await heard(process, ServiceAccountBusy.meaning)
            await heard(process, "Waiting for 1 of 1 calendars to be read")
    assert process.returncode == 1
    assert "The engine continues" in said[0]
    assert "Traceback" not in said[0]


@pytest.mark.process
async def test_commands_say_that_an_engine_does_not_answer_and_end_on_ctrl_c(tmp_path: Path) -> None:
    silent = tmp_path / "engine.sock"
    waiting = f"Waiting for an answer from the engine at {silent}, 30 s at most"

    async def wait(*arguments: str) -> None:
        async with interrupted(*arguments, "--socket", str(silent)) as (process, said):
            await heard(process, waiting)
        assert (process.returncode == 0) == (arguments in (("events",), ("log", "follow"))), arguments
        assert "Traceback" not in said[0], arguments

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent))
        listener.listen()
        async with asyncio.TaskGroup() as group:
            for arguments in (("status",), ("events",), ("log", "follow"), ("config", "show"), ("probe", "pbx")):
                group.create_task(wait(*arguments))


@pytest.mark.process
async def test_following_ends_on_ctrl_c_and_says_when_nothing_can_come(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        async with interrupted("log", "follow", "--socket", str(served.socket)) as (process, said):
            await heard(process, "The debug log is off, so nothing will appear")
        assert process.returncode == 0
        assert said == [""]


@pytest.mark.process
async def test_a_secret_is_waited_for_with_a_word_and_given_up_on_ctrl_c(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'{GOOD}\n[engine]\nstate_dir = "{tmp_path / "state"}"\n')
    async with interrupted("secret", "set", "pbx.password", "--settings", str(file)) as (process, said):
        await heard(process, "Reading pbx.password as one line of standard input")
    assert process.returncode == 130
    assert "Traceback" not in said[0]


@pytest.mark.process
async def test_a_trial_without_an_engine_says_who_takes_it_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'{GOOD}\n[engine]\nstate_dir = "{tmp_path / "state"}"\n')
    told: Ended = await command(
        "config", "set", "presence.language=de", "--confirm-within", "60", "--settings", str(file)
    )
    assert told.status == 0, told.err
    assert "No engine is running: the change is rolled back when one starts after that time." in told.out
