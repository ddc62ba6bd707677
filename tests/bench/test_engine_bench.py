"""Benchmark of the engine alone: 10,000 and 100,000 users with 20 appointments each, with instant servers."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Appointment
from engine.core.claims import UNLIMITED, Claim
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.exchange.source import Mailbox, Window
from engine.pbx.entries import PresenceEntry
from engine.pbx.events import LinkUp, PbxEvent, UsersComplete, UserSeen
from engine.settings.model import ClearWith
from engine.settings.reader import read_settings
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.sync.clocks import SteadyClock
from engine.sync.reconciler import Engine
from tests.support.clock import ManualClock
from tests.support.unwatched import Unwatched

pytestmark = pytest.mark.process

APPOINTMENTS = 20

MOST_MEMORY = 600
"""MiB that an engine with 100,000 users may need, the simulated PBX in its process included."""

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTINGS = """
[pbx]
master = "m"
host = "localhost"
writes_per_second = 1000
writes_in_flight = 100
[exchange]
type = "on-premises"
user = "svc@corp.example"
connections = 100
poll_seconds = 3600
[presence]
timezone = "UTC"
show_subject = true
"""


class InstantSource(Unwatched):
    """Everybody meets from nine to ten, and has other appointments through the day."""

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        return Mailbox(candidates[0], "https://mail.corp.example/")

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        return tuple(
            Appointment(
                id=f"{hash((mailbox.address, n)):x}"[-12:],
                start=NINE + timedelta(minutes=60 * n),
                end=NINE + timedelta(minutes=60 * n + 60),
                subject=f"Besprechung {n} von {mailbox.address}",
            )
            for n in range(APPOINTMENTS)
        )

    async def close(self) -> None:
        pass


class InstantLink:
    """So many users; every presence is confirmed."""

    def __init__(self, on_event: Callable[[PbxEvent], None], users: int) -> None:
        self._on_event = on_event
        self._users = users
        self.shown: dict[str, Presence] = {}

    async def run(self) -> None:
        self._on_event(LinkUp("m", "corp.example"))
        guids = [f"{n:032x}" for n in range(self._users)]
        for n, guid in enumerate(guids):
            self._on_event(UserSeen(User(guid=guid, name=f"user{n:05}", display_name=f"User Number {n}")))
        self._on_event(UsersComplete(frozenset(guids)))
        await asyncio.Event().wait()

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        self.shown[guid] = presence

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        return (PresenceEntry("calendar:", await self.read_presence(user_name)),)

    async def read_presence(self, user_name: str) -> Presence:
        return CLEARED


async def until(condition: Callable[[], bool], pause: float = 0.01) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(pause)


async def measure(users: int) -> None:
    pause = users / 100_000  # to look at everybody takes a while
    clock = ManualClock(NINE - timedelta(minutes=30))
    with TemporaryDirectory() as directory:
        database = Database(Path(directory))
        await database.open()
        links: list[InstantLink] = []

        def make_link(on_event: Callable[[PbxEvent], None]) -> InstantLink:
            links.append(InstantLink(on_event, users))
            return links[0]

        engine = Engine(
            read_settings(SETTINGS, default_zone=ZoneInfo("UTC")),
            source=InstantSource(),
            make_link=make_link,
            store=AcknowledgedPresences(database),
            clock=clock,
            network_clock=SteadyClock(),
            random=Random(1),
            observe=lambda _: None,
        )

        def is_decided(guid: str) -> bool:
            user = engine.summary(guid)
            return user is not None and user.desired is not None and user.desired.activity == "busy"

        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            begun = time.monotonic()
            await until(lambda: engine.status().users == users and not engine.status().waiting, pause)
            print(f"start to everybody read and decided: {time.monotonic() - begun:.2f} s")
            await engine.settled()
            print(f"start to everything written: {time.monotonic() - begun:.2f} s")
            begun = time.monotonic()
            await clock.advance_to(NINE)
            await until(lambda: all(map(is_decided, engine.guids())), pause)
            print(f"{users:,} meetings beginning at once, decided: {time.monotonic() - begun:.2f} s")
            await engine.settled()
            assert all(presence.activity == "busy" for presence in links[0].shown.values())
            print(f"and written: {time.monotonic() - begun:.2f} s")
            running.cancel()
        await database.close()
    print(f"peak memory: {peak_memory():.0f} MiB")


def peak_memory() -> float:
    """Return the most MiB that were resident; what getrusage tells begins with what the parent process had."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("users", [10_000, 100_000])
def test_so_many_users(users: int) -> None:
    command = [sys.executable, "-m", __name__, str(users)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(f"\n{users:,} users\n{output}")
    memory = int(output.rpartition("peak memory: ")[2].split()[0])
    assert memory <= MOST_MEMORY


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1])))
