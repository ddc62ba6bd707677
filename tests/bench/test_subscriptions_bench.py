"""Benchmark of 10,000 subscriptions in 50 streams."""

import asyncio
import gc
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.daemon.build import exchange_access
from engine.exchange.ews.source import EwsSource
from engine.exchange.source import Mailbox
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock, SystemClock
from tests.bench.exchange_server import Server, served
from tests.bench.test_engine_bench import until

pytestmark = pytest.mark.process

MAILBOXES = 10_000
STREAMS = MAILBOXES // 200
IDLE_SECONDS = 30
SETTINGS = """
[pbx]
master = "m"
host = "localhost"
[exchange]
type = "on-premises"
user = "CORP\\\\svc-calendar"
ews_url = "{url}"
ca_file = "{ca_file}"
[presence]
timezone = "UTC"
"""


async def measure(server: Server) -> None:
    settings = read_settings(SETTINGS.format(url=server.url, ca_file=server.ca_file), default_zone=ZoneInfo("UTC"))
    secrets = Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD)
    source = exchange_access(
        settings, secrets, clock=SystemClock(), network_clock=SteadyClock(), random=Random(1), resolver=None
    ).source
    assert isinstance(source, EwsSource)
    before = resident()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(source.run(lambda address, urgency: None))
        await subscribe(source, server)
        await idle()
        print(f"{resident():.0f} MiB resident, {resident() - before:.0f} MiB of it for the subscriptions")
        running.cancel()
    await source.close()


async def subscribe(source: EwsSource, server: Server) -> None:
    mailboxes = [Mailbox(f"user{number:05}@corp.example", server.url) for number in range(MAILBOXES)]
    at_once = asyncio.Semaphore(source.reads_at_once)

    async def watch(mailbox: Mailbox) -> None:
        async with at_once:
            await source.watch(mailbox)

    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*map(watch, mailboxes))
    elapsed = time.monotonic() - begun
    print(
        f"{elapsed:.0f} s, {MAILBOXES / elapsed:.0f} requests/s, "
        f"{1000 * (time.process_time() - cpu) / MAILBOXES:.1f} ms CPU for each subscription"
    )
    await until(lambda: all(map(source.is_watched, mailboxes)))
    assert len({source.following(each).connection for each in mailboxes}) == STREAMS


async def idle() -> None:
    gc.collect()
    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    used = (time.process_time() - cpu) / (time.monotonic() - begun)
    print(f"idle: {100 * used:.2f} % CPU")
    assert used <= 0.01


def resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.timeout(900)
def test_ten_thousand_subscriptions(tmp_path: Path) -> None:
    """The server, in a process of its own, gives a sign of life every 45 s in each stream, as Exchange does."""
    with served(MAILBOXES, 0, datetime.now(UTC).date(), tmp_path) as server:
        command = [sys.executable, "-m", __name__, server.url, str(server.ca_file)]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(f"\n{MAILBOXES:,} subscriptions in {STREAMS} streams:\n{output}")
    assert "resident" in output


if __name__ == "__main__":
    asyncio.run(measure(Server(sys.argv[1], Path(sys.argv[2]))))
