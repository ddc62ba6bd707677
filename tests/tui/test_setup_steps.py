"""The steps of the set-up that are lists and grids, in the terminal program with the engine behind it."""

import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from calendar_tui.screens.setup_access import AccessPage
from calendar_tui.screens.setup_client import SetupClient
from calendar_tui.screens.setup_kinds import SetupForm
from calendar_tui.screens.setup_users import UsersPage
from engine.api.errors import ClientFailure, EngineUnreachable
from engine.api.schema.setup_users import SetupAccess, SetupAccessCause
from engine.simulator.company import Company
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.service import ServedService, changes_of, running_service
from tests.support.setting_up import answer, check, field
from tests.support.tui import Terminal, terminal
from tests.tui.documents.setup.pages import a_check, a_page, a_state

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


async def test_everybody_is_tried_and_stands_by_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with answered_until("access", tmp_path) as (_, shown):
        await shown.shows("24 ✓  2 ✗   of 26")
        await shown.shows("▸✗ No right to read the calendar          1")
        await shown.press("v")
        await shown.shows("Aino Mäkelä, Anna Müller")
        await shown.press("w")
        await shown.shows("Written to")
        written = list(csv.DictReader((tmp_path / "calendar-access.csv").read_text().splitlines()))
        assert len(written) == 26
        assert [each["label"] for each in written if each["stage"]] == ["Empfang", "Gerd Vorstand"]
        assert written[0]["remedy"] == ""
        await shown.shows("▸✓ Can be read")
        await shown.press("F")
        await shown.shows("▸✗ No")  # where the cursor is put as soon as those have been tried again
        await shown.shows("24 ✓  2 ✗   of 26")
        await shown.press("enter")
        await shown.shows("What an appointment shows")


class AccessForm:
    """The form of the page of everybody's access: a check that runs until it is said to have ended."""

    def __init__(self) -> None:
        cause = SetupAccessCause(type="t", title="T", stage="right", remedy="", commands=(), count=1, users=())
        access = SetupAccess(total=2, tried=2, readable=1, causes=(cause,))
        self.running = a_page(kind="access", access=access, check=a_check(("access",), running="access"))
        self.ended = a_page(kind="access", access=access, check=a_check(("access",)))
        self.page = self.running
        self.state = a_state()
        self.told: list[str] = []
        self.tried: list[bool] = []
        self.failures: list[ClientFailure] = []
        self.client = SetupClient(lambda: None, self.failures.append)

    def show(self) -> None:
        pass

    def tell(self, message: str) -> None:
        self.told.append(message)

    def put_cursor(self, stop: str) -> None:
        pass

    async def check(self, *, goes_on: bool, only_failed: bool = False) -> None:
        self.tried.append(only_failed)


async def test_who_is_to_be_tried_again_waits_until_everybody_was_tried() -> None:
    form = AccessForm()
    kind = AccessPage(cast("SetupForm", form))
    await kind.looked()
    await kind.do("again")
    assert form.tried == []
    assert form.told == ["Those marked ✗ are tried again as soon as everybody has been tried."]
    form.page = form.ended
    await kind.looked()
    assert form.tried == [True]
    await kind.looked()
    assert form.tried == [True]


async def test_without_an_engine_no_empty_list_of_users_is_shown() -> None:
    form = AccessForm()
    form.page = form.ended
    kind = AccessPage(cast("SetupForm", form))
    await kind.do("list")
    assert "nobody" not in "\n".join(line.text for line in kind.body(form.page, a_state()).lines)
    users = UsersPage(cast("SetupForm", form))
    await users.do("list")
    assert not await users.back(), "there is no list to leave"
    assert {type(each) for each in form.failures} == {EngineUnreachable}


async def test_the_pbx_is_learned_with_one_user(tmp_path: Path) -> None:
    async with answered_until("learn", tmp_path, "pbx") as (served, shown):
        await shown.press(*"anna")
        await shown.shows("▸ Anna Müller")
        await shown.press("enter")
        await shown.shows("Proposed  pbx.clear")
        assert "✓ clear with omit" in shown.grid()
        await shown.press("enter")
        await shown.shows("What would change")
        setup = await answer(served, go="learn")
        assert field(setup, "pbx.clear")["text"] == "empty"


async def test_the_pbx_need_not_be_learned(tmp_path: Path) -> None:
    async with answered_until("learn", tmp_path) as (_, shown):
        await shown.press("enter")
        await shown.shows("What would change")


async def test_what_would_change_is_filtered_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with answered_until("preview", tmp_path) as (_, shown):
        await shown.shows("26 users · 21 differ   o only")
        await shown.shows("Empfang            ○ available       – left as it is")
        await shown.press("o", "slash", *"anna m")
        await shown.shows("/ [anna m")
        await shown.eventually(lambda: "Aino" not in shown.grid())
        assert "Anna Müller        ○ available       ● Busy until 10:30am" in shown.grid()
        await shown.press("enter", "w")
        await shown.shows("Written to")
        written = (tmp_path / "calendar-preview.csv").read_text().splitlines()
        assert [each.partition(",")[0] for each in written] == ["user", "Anna Müller"]
        await shown.press("escape", "enter")
        await shown.shows("Ready. How do you want to begin?")


async def test_it_begins_with_a_dry_run_and_goes_live_by_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with answered_until("start", tmp_path) as (served, shown):
        await shown.press("y")
        await shown.shows("Written to")
        answers = (tmp_path / "calendar-answers.toml").read_text()
        assert "headquarters" in answers
        assert "simulated-secret" not in answers
        await shown.press("enter")
        await shown.shows("✓ Set up. Dry run since")
        await shown.shows("DRY RUN")
        await shown.shows("g goes live\n")
        await served.settled()
        await shown.press("g")
        await shown.shows("g again writes them")
        await shown.press("g")
        await shown.shows("K keep it, B back now")
        assert (await served.get("/v1/live"))["written"] == "everybody"
        await shown.press("B")
        await shown.shows("Nothing is written to the PBX any more")
        assert (await served.get("/v1/live"))["written"] == "nobody"


async def test_pilots_are_named_before_it_begins(tmp_path: Path) -> None:
    async with answered_until("start", tmp_path) as (served, shown):
        await shown.press("down", "enter", "enter")
        await shown.shows("Name at least one pilot")
        await shown.press(*"anna*", "tab", "tab", *"600", "enter")
        await shown.shows("✓ Set up. Pilots are written since")
        assert (await served.get("/v1/live"))["pilots"] == ["anna*"]
