"""Benchmark from a calendar change to the PBX (goal: 300 ms at the 99th percentile, plus the debounce)."""

import asyncio
import random
import statistics
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.core.presence.model import CLEARED
from engine.daemon.build import assemble
from engine.exchange.ews.streaming.subscriptions import PAUSE
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.world import generate
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.clocks import SystemClock
from engine.sync.events import Event, PresenceConfirmed

PEOPLE = 200
CHANGES_PER_SECOND = 10


async def test_from_a_calendar_change_to_the_pbx(tmp_path: Path) -> None:
    """Engine and both simulators share one process and its CPU; a change every 100 ms on average."""
    # Nobody has anything on these days, so every change shows.
    world = generate(PEOPLE, 20, (datetime.now(UTC) + timedelta(days=10)).date(), ZoneInfo("UTC"))
    clock = SystemClock()
    confirmed: dict[str, float] = {}

    def observe(event: Event) -> None:
        if isinstance(event, PresenceConfirmed) and event.presence != CLEARED:
            confirmed[event.user.guid] = time.perf_counter()

    database = Database(tmp_path / "state")
    await database.open()
    async with Company(world, tmp_path, clock) as company:
        engine = assemble(
            read_settings(
                company.settings(pbx={"writes_per_second": 1000}, exchange={"ews_url": company.exchange.ews_url}),
                default_zone=ZoneInfo("UTC"),
            ),
            Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD),
            AcknowledgedPresences(database),
            clock=clock,
            network_clock=clock,
            observe=observe,
            resolver=RoutedResolver(company.exchange.routes),
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            await _all_are_heard(company)
            waits = [wait - PAUSE.total_seconds() for wait in await _changes(company, confirmed)]
            running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await database.close()
    percentiles = statistics.quantiles(waits, n=100)
    print(
        f"\n{PEOPLE} calendars changed, {CHANGES_PER_SECOND} a second: confirmed by the PBX after the debounce of "
        f"{PAUSE.total_seconds():g} s and {percentiles[49] * 1000:.0f} ms (median), {percentiles[98] * 1000:.0f} ms "
        f"(99th percentile), {max(waits) * 1000:.0f} ms (longest)"
    )
    assert percentiles[98] <= 0.3


async def _all_are_heard(company: Company) -> None:
    subscriptions = company.exchange.subscriptions
    async with asyncio.timeout(60):
        while True:
            found = [each for person in company.world.people for each in subscriptions.of(person.mailbox or "")]
            if len(found) == PEOPLE and all(each.stream for each in found):
                return
            await asyncio.sleep(0.1)


async def _changes(company: Company, confirmed: dict[str, float]) -> list[float]:
    """Let meetings begin, one after the other; return the seconds until the PBX confirmed each presence."""
    chance = random.Random(4)
    begun = {}
    for person in company.world.people:
        now = datetime.now(UTC)
        item = company.world.appointment("meeting", "00:00-01:00", subject="Meeting")
        company.world.put(person.mailbox or "", replace(item, start=now, end=now + timedelta(hours=1)))
        begun[person.guid] = time.perf_counter()
        await asyncio.sleep(chance.expovariate(CHANGES_PER_SECOND))
    await asyncio.sleep(5)
    return [confirmed[guid] - instant for guid, instant in begun.items()]
