"""Benchmark from a change of the settings to the presences in the PBX, over the real socket."""

import time
from datetime import date
from pathlib import Path

from engine.simulator.company import Company
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import running_service

ROUNDS = 20


async def test_from_a_change_to_the_presence_in_the_pbx(tmp_path: Path) -> None:
    world = corp_world(date(2026, 3, 2))
    clock = ManualClock(world.instant("09:20"))
    first: list[float] = []
    async with (
        Company(world, tmp_path, clock) as company,
        running_service(company, clock, tmp_path, company.settings(pbx={"writes_per_second": 1000})) as served,
    ):
        await served.settled()
        for number in range(ROUNDS):
            written = len(company.pbx.ledger.writes)
            begun = time.perf_counter()
            await served.change({"presence.language": ("de", "en")[number % 2]})
            await eventually(lambda before=written: len(company.pbx.ledger.writes) > before)  # type: ignore[misc]
            first.append((time.perf_counter() - begun) * 1000)
            await served.settled()
    first.sort()
    print(f"\nsettings changed to presence in the PBX: median {first[ROUNDS // 2]:.0f} ms, most {first[-1]:.0f} ms")
    assert first[ROUNDS // 2] < 1000
