"""The engine at its largest with the real Exchange side: 10,000 calendars read, and subscribed to in 50 streams."""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from engine.cli.calendar_source import calendar_source
from engine.core.settings.reader import read_settings
from engine.exchange.ews.source import EwsSource
from engine.pbx.events import PbxEvent
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.database import Database
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.engine import Engine
from tests.bench.exchange_server import Server, served
from tests.bench.test_engine_bench import APPOINTMENTS, USERS, InstantLink, until

STREAMS = USERS // 200
IDLE_SECONDS = 30
SETTINGS = """
[pbx]
master = "m"
host = "localhost"
writes_per_second = 1000
writes_in_flight = 100
[exchange]
type = "on-premises"
user = "CORP\\\\svc-calendar"
ews_url = "{url}"
ca_file = "{ca_file}"
[presence]
timezone = "Europe/Berlin"
show_subject = true
"""


async def measure(server: Server) -> None:
    settings = read_settings(
        SETTINGS.format(url=server.url, ca_file=server.ca_file), default_zone=ZoneInfo("Europe/Berlin")
    )
    secrets = Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD)
    source = calendar_source(
        settings, secrets, clock=SystemClock(), network_clock=SteadyClock(), random=Random(1), resolver=None
    )
    assert isinstance(source, EwsSource)

    def make_link(on_event: Callable[[PbxEvent], None]) -> InstantLink:
        return InstantLink(on_event)

    with TemporaryDirectory() as directory:
        database = Database(Path(directory))
        await database.open()
        engine = Engine(
            settings,
            source=source,
            make_link=make_link,
            store=AcknowledgedPresences(database),
            clock=SystemClock(),
            network_clock=SteadyClock(),
            random=Random(1),
            observe=lambda _: None,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            await load(engine, source)
            await idle()
            running.cancel()
        await database.close()


async def load(engine: Engine, source: EwsSource) -> None:
    begun, cpu = time.monotonic(), time.process_time()
    await until(lambda: engine.status().users == USERS and not engine.status().waiting, pause=1)
    elapsed = time.monotonic() - begun
    print(
        f"found, subscribed to and read: {elapsed:.0f} s, {3 * USERS / elapsed:.0f} requests/s, "
        f"{1000 * (time.process_time() - cpu) / USERS:.1f} ms CPU per mailbox"
    )
    assert engine.status().watched == USERS
    listeners = source._watcher._listeners.values()
    await until(lambda: sum(each._open and each._first_waiting is None for each in listeners) == STREAMS)
    print(f"{sum(len(each.group.subscriptions) for each in listeners):,} subscriptions in {len(listeners)} streams")


async def idle() -> None:
    gc.collect()
    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    used = (time.process_time() - cpu) / (time.monotonic() - begun)
    print(f"idle: {100 * used:.2f} % CPU, {resident():.0f} MiB resident")


def resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.timeout(900)
def test_ten_thousand_subscriptions(tmp_path: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    with served(USERS, APPOINTMENTS, tomorrow, tmp_path) as server:
        command = [sys.executable, "-m", __name__, server.url, str(server.ca_file)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(f"\n{USERS:,} users with {APPOINTMENTS} appointments each, the server in a process of its own:\n{output}")
    percent, mebibytes = (float(word) for word in output.split("idle: ")[1].split() if word[0].isdigit())
    assert percent <= 1
    assert mebibytes <= 150


if __name__ == "__main__":
    asyncio.run(measure(Server(sys.argv[1], Path(sys.argv[2]))))
