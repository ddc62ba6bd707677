"""The figures of the debug log and their chart, as an administrator uses them."""

from pathlib import Path

import pytest

from tests.support.logged import logged_engine, some_exchanges
from tests.support.tui import terminal
from tests.tui.test_log_view import open_log

pytestmark = pytest.mark.slow


async def test_the_figures_lead_to_exchanges_and_back_to_their_row(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("i")
        await shown.shows("300 entries, 09:00–09:05")
        await shown.shows("15 s a column")
        await shown.shows("Errors 3")
        await shown.press("down", "down")
        await shown.shows("▸✗ No right to read the calendar")
        await shown.press("enter")
        await shown.shows("  code:ErrorImpersonateUserDenied")
        await shown.shows("✗ no right to read")
        await shown.press("escape")
        await shown.shows("▸✗ No right to read the calendar")
        await shown.press("escape")
        await shown.shows("following")
        assert "code:" not in shown.grid()


async def test_the_chart_is_moved_and_zoomed_and_leads_to_the_entries_of_a_column(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("i")
        await shown.shows("09:05:00–09:05:15: 1, 0 errors")
        await shown.press("left", "left")
        await shown.shows("09:04:30–09:04:45: 15, 2 errors")
        await shown.press("plus")
        await shown.shows("5 s a column")
        await shown.shows("09:04:35–09:04:40: 5, 0 errors")
        await shown.press("right")
        await shown.shows("09:04:40–09:04:45: 5, 2 errors")
        await shown.press("enter")
        await shown.shows("since:2026-03-02T09:04:40Z   until:2026-03-02T09:04:45Z")
        await shown.shows("09:04:44  FindItem")
        await shown.press("escape")
        await shown.shows("09:04:40–09:04:45: 5, 2 errors")
        await shown.press("minus", "minus", "minus")
        await shown.shows("5 min a column")
        await shown.press("plus", "plus", "plus", "plus", "plus")
        await shown.shows("1 s a column")
        await shown.press(*["left"] * 40)
        await shown.shows("09:01:5")


async def test_the_figures_count_only_errors_or_all_again(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("i")
        await shown.shows("300 entries")
        await shown.press("e")
        await shown.shows("3 entries")
        await shown.shows("is:error")
        await shown.press("x")
        await shown.shows("300 entries")
