"""Everybody's day in the terminal: only what is in sight is requested; hours, days, order and cursor."""

from pathlib import Path

import pytest

from calendar_tui.screens.day import DayView
from engine.api.resources.engine import EngineRequests
from engine.api.schema.days import DaysPage, DaysQuestion
from tests.support.served_engine import people, served_engine
from tests.support.tui import terminal


async def test_a_day_of_those_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    days = EngineRequests.days

    async def noted(self: EngineRequests, question: DaysQuestion) -> DaysPage:
        requested.extend(question.users.split(","))
        return await days(self, question)

    monkeypatch.setattr(EngineRequests, "days", noted)
    async with served_engine(tmp_path, people(200)) as served:
        await served.settled()
        async with terminal(served.socket, real_time=served.clock.now) as shown:
            await shown.press("5")
            await shown.shows("Monday 2 March")
            await shown.shows("█████")
            assert len(set(requested)) <= 12
            assert "… 192 more ↓" in shown.grid()
            shown.view.ask()
            shown.view.show()
            shown.app.frame.end(shown.view, "days")  # before the request has begun
            assert "█████" not in shown.grid()
            shown.view.show()
            await shown.shows("█████")
            await shown.press("right")
            await shown.eventually(lambda: shown.grid().splitlines()[2].split()[0] == "08")
            await shown.press("n", "end")
            await shown.shows("User Number 99")
            await shown.eventually(lambda: shown.grid().count("█████") >= 8)
            assert "193–200\n" in shown.grid()
            assert " more ↓" not in shown.grid()
            assert shown.grid().splitlines()[4].startswith(" User Number ")  # nobody's name is out of sight
            await shown.press(*["up"] * 8, "down", "down")
            assert "192–199\n" in shown.grid()
            await shown.press(*["down"] * 6)
            chosen = next(row for row in shown.grid().splitlines() if row.startswith("▸"))
            assert shown.grid().partition(chosen)[2].splitlines()[1].startswith(" ● busy")  # the presence is in sight
            await shown.press("greater_than_sign")
            await shown.shows("Tuesday 3 March")
            await shown.eventually(lambda: "██" not in shown.grid().replace("█ busy", ""))


async def test_list_and_day_share_filter_order_and_cursor(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(40)) as served:
        await served.settled()
        async with terminal(served.socket, real_time=served.clock.now) as shown:
            await shown.press("2", "S", "slash", *"number 3", "enter", "down")
            await shown.shows("[number 3]")
            chosen = shown.app.frame.main.cursor_key
            await shown.press("d")
            await shown.eventually(lambda: isinstance(shown.view, DayView))
            await shown.shows("[number 3]")
            await shown.shows("by name ▲")
            assert shown.app.frame.main.cursor_key == chosen
            await shown.press("c")
            await shown.eventually(lambda: "● busy" not in shown.grid())
            await shown.press("enter")
            await shown.shows("Appointments")
