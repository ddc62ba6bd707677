"""The screen of the settings, as an administrator uses it, with a real service."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from calendar_tui.screens.settings import SettingsView
from tests.support.clock import ManualClock
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow


async def open_settings(shown: Terminal, words: str) -> SettingsView:
    await shown.press("4")
    await shown.shows("PBX: which one, how it is reached")
    await shown.press("slash", *words, "enter")
    assert isinstance(shown.view, SettingsView)
    return shown.view


async def test_a_value_is_checked_while_it_is_typed(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(3)) as served, terminal(served.socket) as shown:
        settings = await open_settings(shown, "writes_per")
        await shown.shows("number from 0.1 to 1000; default: 50")
        await shown.press("enter", *["backspace"] * 6, *"5000")
        await shown.shows("✗ ")
        await shown.press("enter")
        await shown.shows("Invalid value")
        await shown.press("backspace", "backspace", "enter")
        await shown.shows("* writes_per_second")
        assert dict(settings.draft.changes) == {"pbx.writes_per_second": 50}
        await shown.press("u")
        assert not settings.draft


async def test_changes_are_reviewed_with_whom_they_concern_and_applied(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(3)) as served, terminal(served.socket) as shown:
        await served.settled()
        await open_settings(shown, "mapping")
        await shown.press("d")
        await shown.shows("Nothing to review yet")
        await shown.press("space")
        await shown.shows("1 changed, not applied yet")
        await shown.press("d")
        await shown.shows("presence.mapping.busy")
        await shown.shows("3 of 3 users, 3 of them at once")
        await shown.shows("User Number 1")
        await shown.press("a")
        await shown.shows("all presences are decided again")
        await served.settled()
        assert {presence.activity for presence in served.link.shown.values()} != {"busy"}
        text = (tmp_path / "settings.toml").read_text()
        assert "mapping" in text


async def test_a_trial_is_counted_down_kept_and_rolled_back(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(3)) as served, terminal(served.socket) as shown:
        settings = await open_settings(shown, "show_subject")
        await shown.press("space", "d", "t")
        await shown.shows("The last change is rolled back in")
        assert settings.settings is not None
        await shown.press("3")
        await shown.shows("s · K keep it")
        await shown.press("K")
        await shown.shows("The change is kept.")
        await shown.shows("✓ m\n")
        await shown.press("B")
        await shown.shows("No change is on trial.")
        await shown.press("4", "space", "d", "t", "1", "B")
        await shown.shows("Rolled back: presence.show_subject.")
        await shown.press("4")
        await shown.eventually(lambda: "The last change is rolled back" not in shown.grid(), shown.grid)
        await shown.press("space", "d", "t")
        await shown.shows("The last change is rolled back in")
        await shown.press("B")
        await shown.shows("Rolled back: presence.show_subject.")
        await shown.shows("show_subject                      false")
        await shown.press("h")
        await shown.shows("✓ in force  version")
        await shown.press("end", "b")
        await shown.shows("show_subject                      true")


async def test_a_trial_is_counted_down_by_the_time_of_the_engine(tmp_path: Path) -> None:
    here = ManualClock(datetime(2031, 7, 1, tzinfo=UTC))
    async with served_engine(tmp_path, people(3)) as served, terminal(served.socket, real_time=here.now) as shown:
        await open_settings(shown, "show_subject")
        await shown.press("space", "d", "t")
        await shown.shows("The last change is rolled back in 60 s")
        await shown.shows("trial 60 s · K keep it")
        for clock in (served.clock, here):
            await clock.advance(20)
        await shown.shows("The last change is rolled back in 40 s")
        await shown.shows("trial 40 s · K keep it")
        for clock in (served.clock, here):
            await clock.advance(41)
        await shown.shows("show_subject                      true")
        await shown.eventually(lambda: "The last change is rolled back" not in shown.grid(), shown.grid)


async def test_somebody_else_changes_the_settings_meanwhile(tmp_path: Path) -> None:
    async with (
        served_engine(tmp_path, people(3)) as served,
        terminal(served.socket) as shown,
        terminal(served.socket) as other,
    ):
        await open_settings(shown, "show_subject")
        await shown.shows("true")
        await open_settings(other, "show_subject")
        await other.press("space", "d", "a")
        await other.shows("Changed: ")
        await shown.shows("show_subject                      false")


async def test_nothing_is_applied_while_reading_only(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served, terminal(served.socket, read_only=True) as shown:
        await open_settings(shown, "show_subject")
        before = (tmp_path / "settings.toml").read_text()
        for key in ("space", "enter", "d", "B"):
            await shown.press("down", key)
            await shown.shows("Nothing can be changed: the connection is read-only.")
    assert (tmp_path / "settings.toml").read_text() == before


async def test_a_secret_goes_in_and_is_never_seen(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served, terminal(served.socket) as shown:
        await open_settings(shown, "")
        await shown.press("p")
        await shown.shows("exchange.password")
        await shown.press("enter", *"Tr0ub4dor")
        assert "Tr0ub4dor" not in shown.grid()
        await shown.press("enter")
        await shown.shows("is stored")
        await shown.shows(", stored ")
        assert "Tr0ub4dor" not in shown.grid()
        await shown.press("d")
        await shown.shows("Delete exchange.password?")
        await shown.press("n")
        await shown.shows(", stored ")
        await shown.press("d", "y")
        await shown.shows("is no longer stored")
        await shown.eventually(lambda: ", stored " not in shown.grid())
        await shown.press("d")
        assert "exchange.password is not stored here" in shown.grid()
