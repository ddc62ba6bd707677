"""The mouse works like the keys: rows, the wheel, the footer, and tabs."""

from pathlib import Path

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.widgets import Input

from tests.support.logged import logged_engine, some_exchanges
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow


async def turn_wheel(shown: Terminal, direction: type[MouseScrollDown] | type[MouseScrollUp]) -> None:
    """Turn the mouse wheel over the list."""
    x, y = shown.line_view("main").region.offset
    shown.app.post_message(direction(None, x + 5, y + 5, 0, 0, 0, False, False, False))
    await shown.pilot.pause()


async def test_a_row_is_chosen_and_opened(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(40)) as served, terminal(served.socket) as shown:
        await served.settled()
        await shown.click("2 Users")
        await shown.shows("40 users")
        await shown.click("User Number 13 ")
        assert shown.line_view("main").cursor_key == people(40)[13].guid
        await shown.shows("40 users")
        await shown.click("User Number 13 ")
        await shown.shows("Users › User Number 13")


async def test_the_wheel_scrolls(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(40)) as served, terminal(served.socket) as shown:
        await served.settled()
        await shown.press("2")
        await shown.shows("1–19")
        await turn_wheel(shown, MouseScrollDown)
        await shown.shows("4–22")
        await turn_wheel(shown, MouseScrollUp)
        await shown.shows("1–19")


async def test_a_key_in_the_footer_is_pressed(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(40)) as served, terminal(served.socket) as shown:
        await served.settled()
        await shown.press("2")
        await shown.click("sort ")
        await shown.shows("by activity ▼")
        await shown.click("User Number 1 ")
        await shown.shows("/ filter")
        await shown.click("/ filter")
        assert isinstance(shown.app.focused, Input)
        await shown.press(*"29")
        await shown.shows("1–1")
        await shown.click("Esc back")
        assert not isinstance(shown.app.focused, Input)


async def test_a_tab_is_opened(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await shown.press("3", "enter")
        await shown.shows("For Exchange's own logs")
        await shown.click("Headers")
        await shown.shows("[Headers]")
        await shown.shows("client-request-id")
        await shown.click("Reply ")
        await shown.shows("[Reply]")
        await shown.shows("<m:FindItemResponse")
