"""Two programs on one engine: changes in one appear in the other, without interference."""

from pathlib import Path

import pytest

from calendar_tui.screens.user import UserView
from tests.support.served_engine import people, served_engine
from tests.support.tui import terminal
from tests.tui.test_settings_view import open_settings

pytestmark = pytest.mark.slow


async def test_a_calendar_read_again_for_one_is_news_for_the_other(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(5)) as served:
        await served.settled()
        async with (
            terminal(served.socket) as shown,
            terminal(served.socket, read_only=True, size=(120, 40)) as other,
        ):
            await other.press("2", "enter")
            await other.shows("· read 09:05")
            await shown.press("2", "enter")
            await shown.shows("User Number 0")
            await served.clock.advance(600)
            await shown.press("r")
            await other.shows("· read 09:15")
            assert isinstance(other.view, UserView)


async def test_a_trial_of_one_is_kept_by_the_other(tmp_path: Path) -> None:
    async with (
        served_engine(tmp_path, people(2)) as served,
        terminal(served.socket) as shown,
        terminal(served.socket) as other,
    ):
        await open_settings(other, "show_subject")
        await open_settings(shown, "show_subject")
        await shown.press("space", "d", "t")
        await other.shows("The last change is rolled back in")
        await shown.shows("The last change is rolled back in")
        await other.press("K")
        await other.shows("The change is kept.")
        await shown.eventually(lambda: "The last change is rolled back" not in shown.grid(), shown.grid)
    assert "show_subject = false" in (tmp_path / "settings.toml").read_text()


async def test_settings_changed_meanwhile_are_not_overwritten(tmp_path: Path) -> None:
    async with (
        served_engine(tmp_path, people(2)) as served,
        terminal(served.socket) as shown,
        terminal(served.socket) as other,
    ):
        await open_settings(shown, "show_subject")
        await shown.press("space", "d")
        await shown.shows("+ false")
        await open_settings(other, "writes_per")
        await other.press("enter", *["backspace"] * 6, *"60", "enter", "d", "a")
        await other.shows("Changed: ")
        await shown.press("a")
        await shown.shows("Someone else changed the settings in the meantime.")
        await shown.press("a")
        await shown.shows("Changed: ")
    text = (tmp_path / "settings.toml").read_text()
    assert "writes_per_second = 60" in text
    assert "show_subject = false" in text


async def test_one_leaves_and_the_other_goes_on(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(5)) as served, terminal(served.socket) as shown:
        await served.settled()
        async with terminal(served.socket) as other:
            await other.shows("5 users")
            await other.press("q")
        served.link.remove(people(5)[3].guid)
        await shown.shows("4 users")
