"""The set-up in the terminal program: keys, what is kept, and several administrators, with the engine behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest

from calendar_tui.screens.setup import SetupView
from engine.simulator.company import PBX_PASSWORD, Company
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.service import ServedService, running_service
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

WORLD = corp_world(date(2026, 3, 2))


@asynccontextmanager
async def nothing_set_up(directory: Path) -> AsyncIterator[ServedService]:
    """An engine without settings, beside a PBX and an Exchange."""
    clock = ManualClock(WORLD.instant("10:20"))
    async with (
        Company(WORLD, directory, clock) as company,
        running_service(company, clock, directory, None, with_secrets=False) as served,
    ):
        yield served


async def open_setup(shown: Terminal) -> None:
    shown.app.frame.action_set_up("all")
    await shown.shows("Set-up · step")


def under_cursor(shown: Terminal) -> str:
    assert isinstance(shown.view, SetupView)
    return shown.view.stop


async def has(shown: Terminal, **expected: str) -> None:
    """Wait until the engine says that this stands in the fields; `_` stands for the dot in a key."""

    def found() -> dict[str, str]:
        assert isinstance(shown.view, SetupView)
        return {each.key.replace(".", "_", 1): each.text for each in shown.view.page.fields}

    await shown.eventually(lambda: found().items() >= expected.items(), found)


async def test_keys_typed_ahead_go_where_they_belong(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await shown.press("enter", *"pbx", "enter", *"s", "enter", *PBX_PASSWORD.reveal(), "enter", *"hq")
        assert under_cursor(shown) == "pbx.master"
        await has(shown, pbx_host="pbx", pbx_app="s", pbx_master="hq")
        assert "[•••••• stored" in shown.grid()
        assert PBX_PASSWORD.reveal() not in shown.grid()


async def test_what_was_typed_survives_leaving_and_another_start(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served:
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.press("enter", *"not a host!", "escape", "enter")
            await shown.shows("[not a host!")
            await shown.press(*"?", "ctrl+l")
            await shown.shows("Overview")
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.shows("[not a host!?")
            await shown.shows("✗ Is not a host name")


async def test_a_step_is_gone_to_by_its_number(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await shown.press("ctrl+g", "2")
        await shown.shows("Language and time of the notes")
        await shown.press("ctrl+g", "up", "enter")
        await shown.shows("Who opens the connection?")


async def test_a_time_zone_is_found_by_a_few_letters(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await shown.press("ctrl+g", "2", *"lis")
        await shown.shows("▸ Europe/Lisbon")
        await shown.press("enter", "escape")
        await has(shown, presence_timezone="Europe/Lisbon")


async def test_an_answer_is_mended_by_one_key(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await answered(served, {"pbx.host": "127.0.0.1", "pbx.ca_file": str(served.company.ca_file)})
        await answered(served, {"pbx.port": str(served.company.pbx.port), "pbx.master": "master"})
        await shown.press("enter")
        assert under_cursor(shown) == "pbx.password"
        await shown.press(*PBX_PASSWORD.reveal(), "enter", "enter")
        await shown.shows('^F use "headquarters"')
        assert under_cursor(shown) == "pbx.master"
        await shown.press("ctrl+f")
        await shown.shows("Language and time of the notes")
        assert "✓1 PBX" in shown.grid()


async def answered(served: ServedService, answers: dict[str, str]) -> None:
    status, setup = await served.ask("PATCH", "/v1/setup", {"texts": answers})
    assert status == 200, setup
