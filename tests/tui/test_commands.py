"""Every command is found by keys, footer, palette and help, and does something."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Input

from calendar_tui.app import MAIN_VIEWS, CalendarApp
from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command
from calendar_tui.commands.palette import entries, found
from calendar_tui.documents.frame import help_document, palette_document
from calendar_tui.main import make_parser
from calendar_tui.model import Model
from calendar_tui.screens.nodes import NodesView
from calendar_tui.screens.overview import ProblemView
from calendar_tui.screens.setup_finished import FinishedView
from engine.api.schema.setup import SetupApplied
from engine.documents.columns import columns
from tests.support.exchanges import traced
from tests.support.parsers import options
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MANUAL = (Path(__file__).parents[2] / "man" / "calendar-tui.1").read_text()
MANUAL_NAMES = {"↑": "Up", "↓": "Down"}
BESIDE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "exchange": ("log", "FindItem", ("enter",)),
    "conditions": ("log", "FindItem", ("c",)),
    "statistics": ("log", "FindItem", ("i",)),
    "errors": ("overview", "Users 40", ("E",)),
    "capture": ("log", "FindItem", ("C",)),
    "review": ("settings", "PBX: which one", ("home", *["down"] * 4, "space", "d")),
    "secrets": ("settings", "PBX: which one", ("p",)),
    "versions": ("settings", "PBX: which one", ("h",)),
}
"""Places that keys lead to from a main view, where a text has to be seen first."""

APPLIED = SetupApplied(written="nobody", changes=(), new_secrets=(), confirm_until=None)

WITH_OWN_KEYS = {"setup"}
"""A form deals with keys by itself; tests/tui/test_setup.py."""

PLACES = {command.place for command in registry.ALL}
VIEWS = sorted(PLACES - {EVERYWHERE, LIST})


def test_no_key_means_two_things() -> None:
    for view in {*VIEWS, *MAIN_VIEWS}:
        commands = registry.in_view(view)
        keys = [key for command in commands for key in command.keys]
        assert sorted(keys) == sorted(set(keys)), view
        names = [command.name for command in commands]
        assert len(names) == len(set(names)), view


@pytest.mark.parametrize("view", VIEWS)
def test_the_help_has_them_all(view: str) -> None:
    lines = help_document(view, 60)
    assert max(columns(line.text) for line in lines) <= 60
    text = " ".join("\n".join(line.text for line in lines).split())
    for command in (*registry.in_view(view), *registry.of_place(LIST)):
        assert (command.title in text) == bool(command.keys)
        assert command.key in text


def test_the_manual_has_every_option() -> None:
    assert {f"--{name}" for name in re.findall(r"^\.It Fl -([\w-]+)", MANUAL, re.M)} == options(make_parser())


@pytest.mark.parametrize("command", registry.ALL, ids=lambda command: f"{command.place}: {command.name}")
def test_the_manual_has_them_all(command: Command) -> None:
    assert re.search(rf"^\.It Ic .*{re.escape(MANUAL_NAMES.get(command.key, command.key))}", MANUAL, re.M)


def test_the_palette_finds_by_any_words() -> None:
    def keys(words: str) -> list[str]:
        return [each.key for each in found(entries(Model(lambda: NINE), "users", lambda _: "", ()), words)]

    assert keys("user problem")[0] == "command:users:errors only"
    assert "command:log:capture" in keys("capturing")
    assert not keys("xyz")
    assert [line.text for line in palette_document((), 80)] == [" Nothing is called that."]


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(PLACES - WITH_OWN_KEYS))
async def test_every_command_is_carried_out_by_its_first_key(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = sorted(registry.of_place(place), key=lambda command: command.name == "quit")
    async with served_engine(tmp_path, people(40)) as served:
        await served.settled()
        served.log.capture.take(traced())
        async with terminal(served.socket) as shown:
            done = watched(shown.app, monkeypatch)
            for command in (each for each in commands if each.keys):
                await to_place(shown, place)
                done.clear()
                hindrance = shown.view.hindrance(command)
                await shown.press(command.keys[0])
                assert hindrance or command.action.partition("(")[0] in done, command.name


async def to_place(shown: Terminal, place: str) -> None:
    """Open a screen that has the command; commands of every list or screen are tried on the users."""
    view = place if place in MAIN_VIEWS else BESIDE.get(place, ("users",))[0]
    if isinstance(shown.app.focused, Input):
        await shown.press("escape")
    shown.app.frame.open_view(view)
    await shown.eventually(lambda: view == shown.view.NAME)
    if view == "users":
        await shown.shows("2 Users 40")
    if place == "user":
        await shown.press("enter")
        await shown.shows("Appointments")
    if place == "problem":
        shown.app.frame.push(ProblemView(shown.app.frame, "any"))
    if place == "nodes":
        shown.app.frame.push(NodesView(shown.app.frame))
    if place == "finished":
        shown.app.frame.push(FinishedView(shown.app.frame, APPLIED))
    if place in BESIDE:
        _, text, keys = BESIDE[place]
        await shown.shows(text)
        await shown.press(*keys)
        await shown.eventually(lambda: place == shown.view.NAME)


def watched(app: CalendarApp, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a list that receives the names of all further actions."""
    done: set[str] = set()
    carry_out = app.frame.carry_out

    def noting(action: str) -> None:
        carry_out(action)
        done.add(action.partition("(")[0])

    monkeypatch.setattr(app.frame, "carry_out", noting)
    return done
