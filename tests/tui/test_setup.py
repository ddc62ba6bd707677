"""The set-up in the terminal program: keys, what is kept, and several administrators, with the engine behind it."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.simulator.company import PBX_PASSWORD
from tests.support.tui import terminal
from tests.tui.setup_support import (
    answered,
    has,
    nothing_set_up,
    open_setup,
    right_answers,
    right_secrets,
    setup_view,
    under_cursor,
)

pytestmark = pytest.mark.slow


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
            await shown.shows("▸ Go on with the set-up of ")
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.shows("[not a host!?")
            await shown.shows("✗ Address is not a host name")


async def test_what_was_typed_survives_a_lost_connection(tmp_path: Path) -> None:
    async with AsyncExitStack() as running, terminal(tmp_path / "engine.sock", attached=False) as shown:
        await running.enter_async_context(nothing_set_up(tmp_path))
        await shown.eventually(lambda: shown.app.is_up_to_date)
        await open_setup(shown)
        await shown.press("enter", *"pbx", "enter")
        await has(shown, pbx_host="pbx")
        await running.aclose()
        await shown.shows("✗ The engine cannot be reached")
        await shown.press(*"sync", "enter", *PBX_PASSWORD.reveal(), "enter")
        assert under_cursor(shown) == "pbx.password"
        await shown.shows("(calendar-engine run)")
        await running.enter_async_context(nothing_set_up(tmp_path))
        await shown.eventually(lambda: "(calendar-engine run)" not in shown.grid())
        await has(shown, pbx_host="pbx", pbx_app="sync")
        await shown.press("enter")
        await shown.shows("[•••••• stored")


async def test_what_was_typed_while_the_engine_watches_survives_a_lost_connection(tmp_path: Path) -> None:
    async with AsyncExitStack() as running, terminal(tmp_path / "engine.sock", attached=False) as shown:
        served = await running.enter_async_context(nothing_set_up(tmp_path))
        served.company.world.take_out_of_scope(served.company.world.person("anna.mueller"))
        await served.ask("POST", "/v1/setup", {})
        await answered(served, settings=right_answers(served), secrets=right_secrets(served))
        await answered(served, texts={"setup.user": "anna.mueller@corp.example"}, go="exchange/right")
        await shown.eventually(lambda: shown.app.is_up_to_date)
        await open_setup(shown)
        await shown.shows("I go on as soon as it works")
        assert "c copy PowerShell   w file" in shown.grid()
        await shown.press("tab", *"Phone")
        assert "c copy PowerShell   w file" not in shown.grid()  # a field takes letters
        assert shown.grid().splitlines()[-1].startswith(" Enter next ")
        await running.aclose()
        await shown.shows("✗ The engine cannot be reached")
        await shown.press(*" users")
        await running.enter_async_context(nothing_set_up(tmp_path))
        await has(shown, setup_group="Phone users")


async def test_a_directory_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served:
        served.file.parent.write_text("in the way")
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.shows("✗ The engine may not write this directory")
            assert "→ As root: mkdir -p" in shown.grid()
            served.file.parent.unlink()
            await shown.eventually(lambda: "✗" not in shown.grid())


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
        await shown.press("ctrl+g", "2", "enter", *"lis")
        await shown.shows("▸ Europe/Lisbon")
        await shown.press("enter", "escape")
        await has(shown, presence_timezone="Europe/Lisbon")


async def test_an_answer_is_mended_by_one_key(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await answered(served, texts={"pbx.host": "127.0.0.1", "pbx.ca_file": str(served.company.ca_file)})
        await answered(served, texts={"pbx.port": str(served.company.pbx.port), "pbx.master": "master"})
        await shown.press("enter")
        assert under_cursor(shown) == "pbx.password"
        await shown.press(*PBX_PASSWORD.reveal(), "enter", "enter")
        await shown.shows('^F use "headquarters"')
        assert under_cursor(shown) == "pbx.master"
        await shown.press("ctrl+f")
        await shown.shows("Language and time of the notes")
        assert "✓1 PBX" in shown.grid()


async def test_a_password_that_was_made_is_forgotten_when_another_one_is_typed(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, terminal(served.socket) as shown:
        await open_setup(shown)
        await shown.press("enter", "down", "down", "enter")
        await shown.eventually(lambda: bool(setup_view(shown).client.own_password))
        await shown.press("up", *PBX_PASSWORD.reveal(), "enter")
        await shown.eventually(lambda: not setup_view(shown).client.own_password)
