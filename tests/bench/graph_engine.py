"""An engine in a process of its own, which loads nothing but what the service does."""

import asyncio
import gc
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from engine.core.secret import Secret
from engine.daemon.build import assemble
from engine.settings.reader import read_settings
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.reconciler import Engine
from tests.bench.talking import commands, say


class Consumption(msgspec.Struct, frozen=True):
    """The share of a processor that the engine took, MiB that are resident, and were at most; whom it cannot read."""

    cpu: float
    resident: float
    peak: float
    unresolved: int


async def run(directory: Path, users: int, secrets: Secrets) -> None:
    """Run an engine by the settings in `directory`; be ready when all `users` are read, and report on demand."""
    settings = read_settings((directory / "settings.toml").read_text(), default_zone=ZoneInfo("UTC"))
    database = Database(directory / "state")
    await database.open()
    engine = assemble(
        settings,
        secrets,
        AcknowledgedPresences(database),
        clock=SystemClock(),
        network_clock=SteadyClock(),
        observe=lambda event: None,
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        await until_all_are_read(engine, users)
        gc.collect()
        begun, cpu = time.monotonic(), time.process_time()
        async for command in commands():
            used = (time.process_time() - cpu) / (time.monotonic() - begun)
            say(consumption(engine, used) if command == "report" else None)
            begun, cpu = time.monotonic(), time.process_time()
        running.cancel()
    await database.close()


async def until_all_are_read(engine: Engine, users: int) -> None:
    """Look once a second, which takes next to nothing."""
    while True:
        status = engine.status()
        if status.users == users and not status.waiting:
            return
        await asyncio.sleep(1)


def consumption(engine: Engine, cpu: float) -> Consumption:
    """Return what the engine takes."""
    return Consumption(cpu, memory("VmRSS"), memory("VmHWM"), len(engine.status().unresolved))


def memory(name: str) -> float:
    """Return MiB of memory by a name in proc(5)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    _, place, number, client_secret, password = sys.argv
    given = Secrets(exchange_client_secret=Secret(client_secret), pbx_password=Secret(password))
    asyncio.run(run(Path(place), int(number), given))
