"""The steps of the set-up that are lists and grids, in the terminal program with the engine behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.company import Company
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.service import ServedService, changes_of, running_service
from tests.support.setting_up import answer, check
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

WORLD = corp_world(date(2026, 3, 2))


@asynccontextmanager
async def answered_until(page: str, directory: Path, *checks: str) -> AsyncIterator[tuple[ServedService, Terminal]]:
    """The set-up on a page, with everything before it answered, and checked where that matters."""
    clock = ManualClock(WORLD.instant("10:20"))
    async with (
        Company(WORLD, directory, clock) as company,
        running_service(company, clock, directory, None, with_secrets=False) as served,
    ):
        status, _ = await served.ask("POST", "/v1/setup", {})
        assert status == 200
        secrets = {name: secret.reveal() for name, secret in company.secrets.items()}
        settings = changes_of(company.settings(presence={"timezone": "Europe/Berlin", "language": "en"}))
        await answer(served, settings=settings, secrets=secrets)
        for each in checks:
            assert (await check(served, each))["passed"]
        await answer(served, go=page)
        async with terminal(served.socket, real_time=clock.now) as shown:
            shown.app.frame.action_set_up("all")
            await shown.shows("Set-up · step")
            yield served, shown


async def selection(served: ServedService) -> Any:
    return (await served.get("/v1/setup"))["page"]["users"]["selection"]


async def test_ticks_of_who_takes_part_count_at_once(tmp_path: Path) -> None:
    async with answered_until("users", tmp_path) as (served, shown):
        await shown.shows("26 of 26 users")
        await shown.press("down", "enter")
        await shown.shows("✗ Nothing is ticked")
        assert "0 of 26 users" in shown.grid()
        await shown.press("enter")
        await shown.shows("Nobody would take part.")
        await shown.press("down", "space", "enter")
        await shown.shows("Where are the calendars?")
        await answer(served, go="users")
        assert (await selection(served))["nodes"] == ["root"]


async def test_leaving_out_more_than_half_is_asked_twice(tmp_path: Path) -> None:
    async with answered_until("users", tmp_path) as (served, shown):
        await shown.shows("26 of 26 users")
        await shown.press("down", "enter", *["down"] * 3, *"anna*")
        await shown.shows("✗ This leaves out 25 of 26.")
        await shown.press("v")
        assert "[anna*v" in shown.grid()
        await shown.press("backspace", "enter")
        await shown.shows("✗ This leaves out 25 of 26.")
        assert (await served.get("/v1/setup"))["page"]["step"] == "users"
        await shown.press("enter")
        await shown.shows("Where are the calendars?")
        assert (await served.get("/v1/setup"))["page"]["step"] == "exchange"


async def test_everybody_can_be_listed_by_name(tmp_path: Path) -> None:
    async with answered_until("users", tmp_path) as (_, shown):
        await shown.shows("26 of 26 users")
        await shown.press("v")
        await shown.shows("Taken 26")
        await shown.press("end")
        await shown.shows("Łukasz")
        await shown.press("escape")
        await shown.shows("▸ (•) Everybody")


async def test_todays_notes_follow_every_key(tmp_path: Path) -> None:
    async with answered_until("presence", tmp_path) as (served, shown):
        await shown.shows("Aino Mäkelä       ● Busy until 11:30am")
        await shown.press("right")
        await shown.shows("Aino Mäkelä       ◐ Away until 11:30am")
        await shown.press("left", *["down"] * 7, "space")
        await shown.shows("Aino Mäkelä       ● Busy: Keskit")
        assert "(private)" in shown.grid()
        assert (await served.get("/v1/setup"))["page"]["step"] == "presence"
