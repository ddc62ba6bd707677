"""Benchmark of several engines over one PostgreSQL: how soon a restart is over, memory, and presences a second.

40,000 users with 20 appointments each on 1, 2 and 4 engines, whose calendars and PBX answer at once: what is measured
is the engines and the database, on the processors of this machine, which they share. USERS=4000 NODES=1,2 does less.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from cryptography.fernet import Fernet

from engine.core.secret import Secret
from tests.bench.cluster_engine import Board
from tests.bench.test_engine_bench import MOST_MEMORY, SETTINGS
from tests.support.cluster import write_first_settings
from tests.support.engine_process import ROOT, memory_of
from tests.support.postgres import PostgresDatabase, PostgresServer

USERS = int(os.environ.get("USERS", "40000"))
NODES = [int(each) for each in os.environ.get("NODES", "1,2,4").split(",")]
PASSWORDS = {"exchange.password": Secret("one"), "pbx.password": Secret("two")}

LIMIT = 1800.0
"""Seconds after which something must be wrong."""

pytestmark = [pytest.mark.process, pytest.mark.timeout(7200)]


@dataclass
class Node:
    """A process of tests/bench/cluster_engine.py."""

    process: asyncio.subprocess.Process

    @classmethod
    async def begun(cls, settings: Path, board: Path, hour: float) -> "Node":
        module = ["-m", "tests.bench.cluster_engine", str(settings), str(board), str(USERS), str(hour)]
        with (settings.parent / "log").open("ab") as log:
            return cls(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, *module),
                    cwd=ROOT,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                )
            )

    async def ask(self, order: str = "figures") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order}\n".encode())
        line = await self.process.stdout.readline()
        assert line, "the engine has ended"
        found: dict[str, Any] = json.loads(line)
        return found

    async def leave(self) -> None:
        await self.process.communicate(b"leave\n")


def settings_of(directory: Path, database: PostgresDatabase, name: str, key: bytes) -> Path:
    """Return the settings file of a node, with what else it has of its own beside it."""
    state = directory / name / "state"
    state.mkdir(mode=0o700, parents=True)
    (state / "secrets.key").write_bytes(key)
    (state / "secrets.key").chmod(0o600)
    url = f"postgresql:///{database.name}?host={database.server.directory}&user=calendar_engine"
    document = {
        "cluster": {"database": url, "node": name},
        "engine": {"state_dir": str(state), "socket": str(directory / name / "engine.sock")},
    }
    file = directory / name / "calendar-engine.toml"
    file.write_text(tomlkit.dumps(document))
    return file


async def all_say(nodes: list[Node], condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Ask all engines until what they say is as it should be."""
    async with asyncio.timeout(LIMIT):
        while True:
            said = [await each.ask() for each in nodes]
            if condition(said):
                return said
            await asyncio.sleep(0.2)


def all_decided(said: list[dict[str, Any]]) -> bool:
    return sum(each["users"] for each in said) == USERS and not any(each["waiting"] for each in said)


async def measured(directory: Path, database: PostgresDatabase, count: int) -> None:
    key = Fernet.generate_key()
    await write_first_settings(database, SETTINGS, PASSWORDS, key)
    board_file = directory / "board"
    board = Board(board_file, USERS)
    files = [settings_of(directory, database, f"node-{number}", key) for number in range(count)]
    nodes = [await Node.begun(each, board_file, 8.5) for each in files]
    try:
        await all_say(nodes, all_decided)
        begun = time.monotonic()
        await asyncio.gather(*(each.ask("nine") for each in nodes))
        await all_say(nodes, lambda _: board.shown() == USERS)
        took = time.monotonic() - begun
        print(f"\n{USERS:,} users on {count} engines\nwritten: {USERS / took:.0f} presences a second in {took:.1f} s")
        share = [each["users"] for each in await all_say(nodes, all_decided)]
        await asyncio.gather(*(each.leave() for each in nodes))
        begun = time.monotonic()
        nodes = [await Node.begun(each, board_file, 9.0) for each in files]
        said = await all_say(nodes, all_decided)
        print(f"restarted: after {time.monotonic() - begun:.1f} s everybody is read and decided")
        memory = [memory_of(each.process.pid)[1] for each in nodes]
        print(f"memory of each: {', '.join(f'{each:.0f}' for each in memory)} MiB at most; users before: {share}")
        assert sum(each["writes"] for each in said) == 0, "nothing is sent again"
        assert max(memory) <= MOST_MEMORY
    finally:
        for each in nodes:
            if each.process.returncode is None:
                each.process.kill()
                await each.process.wait()


@pytest.mark.parametrize("count", NODES)
async def test_so_many_users_on_so_many_engines(postgres: PostgresServer, tmp_path: Path, count: int) -> None:
    with postgres.database(postgres.prepared()) as database:
        await measured(tmp_path, database, count)
