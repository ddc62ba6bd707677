"""The engine disappears and returns: every screen shows it, keeps its content, and recovers by itself."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.logged import logged_engine, some_exchanges
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

ASKED = {
    "settings": (("4",), "cannot be reached", "PBX: which one"),
    "secrets": (("4", "p"), "cannot be reached", "exchange.password"),
    "versions": (("4", "h"), "cannot be reached", "version 1"),
    "statistics": (("3", "i"), "cannot be reached", "No entry matches the filter"),
    "user": (("2", "enter"), "cannot be reached", "Appointments 1"),
}
"""Views that ask for something: the keys that lead there, what is said without an engine, and what after that."""


async def go(shown: Terminal, keys: Iterable[str]) -> None:
    for key in keys:
        await shown.press(key)


@pytest.mark.parametrize("view", ASKED)
async def test_what_could_not_be_asked_is_asked_when_the_engine_is_back(view: str, tmp_path: Path) -> None:
    keys, gone, back = ASKED[view]
    async with terminal(tmp_path / "engine.sock", attached=False) as shown:
        async with logged_engine(tmp_path):
            await shown.shows("8 users")
        await shown.shows("✗ engine gone")
        await go(shown, keys)
        await shown.eventually(lambda: view == shown.view.NAME)
        await shown.eventually(lambda: gone in shown.line_view("main").lines.line(0, 80).text, shown.grid)
        async with logged_engine(tmp_path):
            await shown.shows("✓ m\n")
            await shown.shows(back)


async def test_an_exchange_and_a_review_too(tmp_path: Path) -> None:
    async with terminal(tmp_path / "engine.sock", attached=False) as shown:
        async with logged_engine(tmp_path, some_exchanges()):
            await shown.shows("8 users")
            await go(shown, ("4", "slash", *"show_subj", "enter"))
            await shown.shows("show_subject")
            await go(shown, ("space", "3"))
            await shown.shows("300 kept")
        await shown.shows("✗ engine gone")
        await shown.press("enter")
        await shown.eventually(lambda: shown.view.NAME == "exchange")
        async with logged_engine(tmp_path):
            await shown.shows("For Exchange's own logs")
        await shown.shows("✗ engine gone")
        assert "For Exchange's own logs" in shown.grid()
        await go(shown, ("4", "d"))
        await shown.eventually(lambda: shown.view.NAME == "review")
        async with logged_engine(tmp_path):
            await shown.shows("+ false")


async def test_a_user_that_is_shown_stays(tmp_path: Path) -> None:
    async with terminal(tmp_path / "engine.sock", attached=False) as shown:
        async with logged_engine(tmp_path) as logged:
            await shown.shows("8 users")
            await go(shown, ("2", "enter"))
            await shown.shows("Appointments 1")
            await logged.served.settled()
        await shown.shows("Data is ")
        await shown.press("r")
        await shown.shows("(calendar-engine run)")
        assert "Appointments 1" in shown.grid()
        async with logged_engine(tmp_path):
            await shown.shows("✓ m\n")
            await shown.eventually(lambda: "(calendar-engine run)" not in shown.grid())


async def test_what_is_secret_and_could_not_be_sent_is_not_typed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with terminal(tmp_path / "engine.sock", attached=False) as shown:
        async with served_engine(tmp_path, people(8)):
            await shown.shows("8 users")
            await shown.press("4")
            await shown.shows("PBX: which one")
            await shown.press("p")
            await shown.shows("exchange.password")
            await shown.press("enter", *"Tr0ub4dor")
        await shown.shows("✗ engine gone")
        await shown.press("enter")
        await shown.shows("(calendar-engine run)")
        await shown.shows("•••••••••")
        async with served_engine(tmp_path, people(8)):
            await shown.shows("✓ m\n")
            await shown.press("enter")
            await shown.shows("exchange.password is stored")
            await shown.press("ctrl+p", *"backup", "enter", *"correct horse", "enter", *"correct horse")
        assert "Tr0ub4dor" not in shown.grid()
        await shown.shows("✗ engine gone")
        await shown.press("enter")
        await shown.shows("(calendar-engine run)")
        await shown.shows("•••••••••")
        async with served_engine(tmp_path, people(8)):
            await shown.shows("✓ m\n")
            await shown.press("enter")
            await shown.shows("Written to")
