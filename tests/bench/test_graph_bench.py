"""Benchmark of 10,000 mailboxes in Exchange Online, each asked for changes every minute."""

import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from engine.simulator.company import CLIENT_SECRET, PBX_PASSWORD
from tests.bench.graph_engine import Consumption
from tests.bench.graph_server import POLL_SECONDS, Report
from tests.bench.talking import Process, process

pytestmark = pytest.mark.process

MAILBOXES, APPOINTMENTS = 10_000, 5
CATCHING_UP = 400
"""Seconds after the first readings until nobody waits, and all presences have been read back from the PBX."""

SECONDS = 100
"""Longer than two readings of the same mailbox may be apart."""

OLDEST = 70.0
MOST_CPU, MOST_MEMORY = 0.05, 150.0
REQUESTS_PER_SECOND = MAILBOXES / POLL_SECONDS / 20
UP, DOWN = 58_000, 123_000
"""Bytes of bodies in a second, as they were reckoned for 5 appointments in a window."""

BUSY = 1.6
"""The same work takes that much more of a processor, at most, that others use as well."""

MARGIN = 1.15
"""Those in trouble are asked more often, and not every batch is full."""


def figures(server: Process, engine: Process) -> tuple[Report, Consumption]:
    """Measure for some time, and print what was measured."""
    server.ask("measure")
    engine.ask("measure")
    time.sleep(SECONDS)
    used = msgspec.json.decode(engine.ask("report"), type=Consumption)
    report = msgspec.json.decode(server.ask("report"), type=Report)
    seconds, delays = report.seconds, report.delays
    print(
        f"  {100 * used.cpu:.1f} % CPU, {used.resident:.0f} MiB resident ({used.peak:.0f} MiB at most), "
        f"{used.unresolved} mailboxes that cannot be read"
        f"\n  {report.requests / seconds:.1f} requests/s, {report.batches / seconds:.1f} of them batches, "
        f"{report.parts / seconds:.0f} calendars/s ({report.throttled} throttled, {report.failed} failed); "
        f"{report.received / seconds / 1000:.0f} kB/s up, {report.sent / seconds / 1000:.0f} kB/s down"
        f"\n  oldest reading of the others {report.oldest:.1f} s; {len(delays)} changes to the PBX: median "
        f"{delays[len(delays) // 2]:.1f} s, 99 % in {late(report):.1f} s, all in {delays[-1]:.1f} s"
    )
    return report, used


def late(report: Report) -> float:
    """Return the seconds in which 99 % of the changes were in the PBX."""
    return report.delays[99 * len(report.delays) // 100]


def hold(report: Report, used: Consumption) -> None:
    """See that what was promised holds."""
    assert used.cpu <= MOST_CPU * BUSY
    assert used.resident <= MOST_MEMORY
    assert report.oldest <= OLDEST
    assert report.requests / report.seconds <= MARGIN * REQUESTS_PER_SECOND
    assert report.received / report.seconds <= MARGIN * UP
    assert report.sent / report.seconds <= MARGIN * DOWN
    assert late(report) <= POLL_SECONDS + 1


@pytest.mark.timeout(1200)
def test_ten_thousand_mailboxes_every_minute(tmp_path: Path) -> None:
    """First everything works; then one mailbox is slow, one is throttled, and one in twenty fails."""
    server_is = ("tests.bench.graph_server", str(MAILBOXES), str(APPOINTMENTS), str(tmp_path))
    secrets = CLIENT_SECRET.reveal(), PBX_PASSWORD.reveal()
    with process(*server_is) as server:
        begun = time.monotonic()
        with process("tests.bench.graph_engine", str(tmp_path), str(MAILBOXES), *secrets) as engine:
            print(f"\n{MAILBOXES:,} mailboxes found and read in {timedelta(seconds=round(time.monotonic() - begun))}")
            time.sleep(CATCHING_UP)
            server.ask("change calendars")
            print(f"every {POLL_SECONDS} s:")
            calm = figures(server, engine)
            server.ask("make trouble")
            time.sleep(POLL_SECONDS)
            print("one mailbox slow, one throttled, one in twenty fails:")
            troubled = figures(server, engine)
    hold(*calm)
    hold(*troubled)
