"""kill -9 and restart: only differences are sent, and no wrong presence remains."""

import asyncio
import contextlib
import functools
import os
import resource
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import tomlkit
from msgspec.structs import replace

from engine.core.appointments import ShowAs
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.simulator.exchange.authentication import Seen
from engine.simulator.world import Person, World
from engine.sync.clocks import SystemClock
from tests.support.command import command
from tests.support.eventually import eventually

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.few]

PEOPLE = 12


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """Everybody is in a meeting that began two hours ago and lasts for hours, by the real clock."""
    now = datetime.now(UTC)
    people = [Person(name=f"p{n}", display_name=f"P {n}", mailbox=f"p{n}@corp.example") for n in range(PEOPLE)]
    world = World(now.date(), ZoneInfo("UTC"), people)
    for person in people:
        meet(world, person, now - timedelta(hours=2), now + timedelta(hours=3))
    async with Company(world, tmp_path, SystemClock()) as company:
        settings = company.settings(
            exchange={"ews_url": company.exchange.ews_url, "poll_seconds": 10},
            engine={"state_dir": str(tmp_path / "state"), "socket": str(tmp_path / "engine.sock")},
        )
        (tmp_path / "settings.toml").write_text(settings)
        yield company


def meet(world: World, person: Person, start: datetime, end: datetime, show_as: ShowAs = ShowAs.BUSY) -> None:
    item = world.appointment("meeting", "00:00-01:00", show_as=show_as)
    world.put(person.mailbox or "", replace(item, start=start, end=end))


@asynccontextmanager
async def engine_process(directory: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = os.environ | {
        "CALENDAR_ENGINE_EXCHANGE_PASSWORD": EXCHANGE_PASSWORD.reveal(),
        "CALENDAR_ENGINE_PBX_PASSWORD": PBX_PASSWORD.reveal(),
        "CALENDAR_ENGINE_EXCHANGE_CLIENT_SECRET": "s3cr3t",
        **more,
    }
    command = [sys.executable, "-m", "engine.cli.main", "run", "--settings", str(directory / "settings.toml")]
    with (directory / "engine.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def one_more_write(company: Company) -> None:
    """Change the last one's calendar, and wait for the write: whatever else was to be written came before that."""
    last, now = company.world.people[-1], datetime.now(UTC)
    meet(company.world, last, now - timedelta(minutes=30), now + timedelta(hours=1), ShowAs.OOF)
    await eventually(lambda: company.pbx.ledger.writes[-1].activity == "away")
    assert company.pbx.ledger.writes[-1].guid == last.guid


async def test_after_kill_9_only_differences_are_sent(company: Company, tmp_path: Path) -> None:
    writes = company.pbx.ledger.writes
    async with engine_process(tmp_path) as engine:
        await eventually(lambda: len(writes) == PEOPLE)
        engine.kill()
    now = datetime.now(UTC)
    moved = company.world.people[:2]
    for person in moved:
        meet(company.world, person, now - timedelta(hours=1), now + timedelta(hours=2))

    company.exchange.ledger.clear()
    async with engine_process(tmp_path):
        await eventually(lambda: len(writes) >= PEOPLE + len(moved))
        await eventually(lambda: company.exchange.ledger.operations["FindItem"] >= PEOPLE)
        await one_more_write(company)
    assert sorted(write.guid for write in writes[PEOPLE:-1]) == sorted(person.guid for person in moved)


async def test_what_was_under_way_at_kill_9_is_asked_for_and_not_repeated(company: Company, tmp_path: Path) -> None:
    writes = company.pbx.ledger.writes
    company.pbx.behaviour.answers_presence = False
    async with engine_process(tmp_path) as engine:
        await eventually(lambda: len(writes) == 10)
        engine.kill()
    in_doubt = {write.guid for write in writes}
    company.pbx.behaviour.answers_presence = True
    async with engine_process(tmp_path):
        await eventually(lambda: len(writes) >= PEOPLE)
        await eventually(lambda: company.exchange.ledger.operations["FindItem"] >= 2 * PEOPLE - 2)
        await one_more_write(company)
    assert len(writes) == PEOPLE + 1
    assert len({write.guid for write in writes}) == PEOPLE
    assert in_doubt == {write.guid for write in writes[:10]}


async def ends_within(seconds: float, engine: asyncio.subprocess.Process, starting: float) -> None:
    """End it by SIGTERM. On a busy machine its start took long as well, and that is what it may take then."""
    begun = time.monotonic()
    engine.send_signal(signal.SIGTERM)
    assert await engine.wait() == 0
    assert time.monotonic() - begun < max(seconds, starting)


async def test_sigterm_ends_it_within_a_second(company: Company, tmp_path: Path) -> None:
    begun = time.monotonic()
    async with engine_process(tmp_path) as engine:
        await eventually(lambda: company.pbx.connections == 1)
        starting = time.monotonic() - begun
        await eventually(lambda: len(company.pbx.ledger.writes) == PEOPLE)
        await ends_within(1, engine, starting)


HANGING = """
import socket, time
from pathlib import Path

look_up = socket.getaddrinfo

def hang(host, *more, **hints):
    if not str(host).endswith("corp.example"):
        return look_up(host, *more, **hints)
    (Path(__file__).parent / "asked").touch()
    time.sleep(120)

socket.getaddrinfo = hang
"""
"""Name servers that never answer: getaddrinfo(3) cannot be called off."""

CLOUD = {
    "type": "cloud-ews",
    "user": None,
    "ews_url": "https://mail.corp.example/EWS/Exchange.asmx",
    "tenant_id": "6babcaad-604b-40ac-a9d7-9fd97c0b779f",
    "client_id": "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11",
    "authority": "https://login.corp.example",
}


@pytest.mark.parametrize(
    "tables",
    [
        {"exchange": {"ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}},
        {"exchange": CLOUD},
        {"pbx": {"host": "pbx.corp.example"}},
    ],
    ids=["Exchange", "Entra", "PBX"],
)
async def test_name_servers_that_hang_hold_up_no_stop(
    company: Company, tmp_path: Path, tables: dict[str, dict[str, Any]]
) -> None:
    written = tomlkit.parse((tmp_path / "settings.toml").read_text()).unwrap()
    for table, keys in tables.items():
        changed = written[table] | keys
        written[table] = {key: value for key, value in changed.items() if value is not None}
    (tmp_path / "settings.toml").write_text(tomlkit.dumps(written))
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "sitecustomize.py").write_text(HANGING)
    begun = time.monotonic()
    async with engine_process(tmp_path, PYTHONPATH=str(stub)) as engine:
        await eventually((stub / "asked").exists)
        await ends_within(2, engine, starting=time.monotonic() - begun)


async def test_commands_beside_the_engine_try_a_wrong_password_no_further(company: Company, tmp_path: Path) -> None:
    company.exchange.accounts.update(dict.fromkeys(company.exchange.accounts, "something else"))
    refused = company.exchange.log_ins
    async with engine_process(tmp_path):
        await eventually(lambda: refused[Seen.REFUSED] == 2)
        probe = ("probe", "exchange", "--socket", str(tmp_path / "engine.sock"))
        for ended in await asyncio.gather(command(*probe), command(*probe)):
            assert ended.status == 1
            assert "paused until" in " ".join(ended.out.split())
    assert refused[Seen.REFUSED] == 2


async def test_a_change_and_a_secret_answered_before_kill_9_have_left_their_traces(
    company: Company, tmp_path: Path
) -> None:
    path = tmp_path / "engine.sock"
    asked: list[tuple[str, str]] = []
    for number in range(5):
        async with engine_process(tmp_path) as engine:
            await eventually(lambda: is_answering(path))
            connector = aiohttp.UnixConnector(path=str(path))
            async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
                if number % 2:
                    action, subject = "set_secret", "exchange.client_secret"
                    request = session.put(f"/v1/secrets/{subject}", json={"value": f"secret {number}"})
                else:
                    action, subject = "change_settings", "presence.note_max_length"
                    changes = {"changes": {subject: 100 + number}}
                    request = session.patch("/v1/settings", json=changes, headers={"If-Match": "*"})
                async with request as answer:
                    assert answer.status == 200, await answer.text()
                    engine.kill()
            await engine.wait()
        asked.append((action, subject))
        with contextlib.closing(sqlite3.connect(tmp_path / "state" / "engine.db")) as database:
            found = database.execute("SELECT action, subject FROM audit ORDER BY id").fetchall()
        assert [each[0] for each in found] == [action for action, _ in asked]
        assert all(subject in told for (_, subject), (_, told) in zip(asked, found, strict=True))
    assert "note_max_length = 104" in (tmp_path / "settings.toml").read_text()


def is_answering(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as knocking:
        return is_connected(knocking, path)


def is_connected(connection: socket.socket, path: Path) -> bool:
    """Connect, unless the backlog is full."""
    return connection.connect_ex(str(path)) == 0


async def test_with_1100_idle_connections_a_dropped_link_comes_back(company: Company, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(4096, before[1])), before[1]))
    try:
        async with engine_process(tmp_path) as engine:
            resource.prlimit(engine.pid, resource.RLIMIT_NOFILE, (1024, 1024))
            await eventually(lambda: len(company.pbx.ledger.writes) == PEOPLE)
            with contextlib.ExitStack() as idle:
                for _ in range(1100):
                    each = idle.enter_context(socket.socket(socket.AF_UNIX))
                    each.setblocking(False)
                    await eventually(functools.partial(is_connected, each, tmp_path / "engine-ro.sock"))
                company.pbx.drop()
                await eventually(lambda: company.pbx.connections == 0)
                await eventually(lambda: company.pbx.connections == 1)
                person, now = company.world.people[0], datetime.now(UTC)
                meet(company.world, person, now - timedelta(hours=1), now + timedelta(hours=2))
                await eventually(lambda: len(company.pbx.ledger.writes) > PEOPLE)
        assert len((tmp_path / "engine.log").read_bytes()) < 100_000
        assert b"Traceback" not in (tmp_path / "engine.log").read_bytes()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
