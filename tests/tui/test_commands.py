"""Every command is where keys, footer, palette and help find it, and does something."""

import re
from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.widgets import Input

from calendar_tui.app import CalendarApp
from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command
from calendar_tui.screens.registry import MAIN_VIEWS
from calendar_tui.state.help import help_document, palette_document
from tests.support.api import people, served_engine
from tests.support.exchanges import traced
from tests.support.tui import Terminal, terminal

MANUAL = (Path(__file__).parents[2] / "man" / "calendar-tui.1").read_text()
MANUAL_NAMES = {"↑": "Up", "↓": "Down", "'": r"\(aq", '"': r"\(dq"}
PLACES = {command.place for command in registry.ALL}
VIEWS = sorted(PLACES - {EVERYWHERE, LIST})


def test_no_key_means_two_things() -> None:
    for view in {*VIEWS, *MAIN_VIEWS}:
        commands = (*registry.in_view(view), *registry.of_place(LIST))
        keys = [key for command in commands for key in command.keys]
        assert sorted(keys) == sorted(set(keys)), view
        names = [command.name for command in commands]
        assert len(names) == len(set(names)), view


@pytest.mark.parametrize("view", VIEWS)
def test_the_help_has_them_all(view: str) -> None:
    text = "\n".join(line.text for line in help_document(view))
    for command in (*registry.in_view(view), *registry.of_place(LIST)):
        assert command.title in text
        assert command.key in text


@pytest.mark.parametrize("command", registry.ALL, ids=lambda command: f"{command.place}: {command.name}")
def test_the_manual_has_them_all(command: Command) -> None:
    assert re.search(rf"^\.It Ic .*{re.escape(MANUAL_NAMES.get(command.key, command.key))}", MANUAL, re.M)


def test_the_palette_finds_by_any_words() -> None:
    found = palette_document(registry.in_view("users"), "user problem")
    assert [line.key for line in found] == ["errors only"]
    assert len(palette_document(registry.in_view("users"), "")) == len(registry.in_view("users"))


@pytest.mark.parametrize("place", [EVERYWHERE, LIST, "overview", "users", "user"])
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
            about = shown.app.model.about
            assert about is not None
            for command in (each for each in commands if each.capability in ("", *about.capabilities)):
                await to_place(shown, place)
                done.clear()
                await shown.press(command.keys[0])
                assert command.action.partition("(")[0] in done, command.name


AT_HOME = {"overview": "working", "users": "of 40", "log": "FindItem", "settings": "pbx.master"}
WAYS = {
    "user": ("users", ("enter",), "Appointments"),
    "exchange": ("log", ("enter",), "summary"),
    "conditions": ("log", ("e", "c"), "is:error"),
    "capture": ("log", ("C",), "Enter begins"),
    "review": ("settings", ("down", "space", "d"), "pbx.link"),
    "versions": ("settings", ("h",), "version 1"),
}
"""Where places below the main views are: the view, the keys that lead there, and what they show."""


async def to_place(shown: Terminal, place: str) -> None:
    """Go where a command can be given: lists and what is everywhere are tried with the users."""
    view, keys, text = WAYS.get(place, (place if place in MAIN_VIEWS else "users", (), ""))
    if isinstance(shown.app.focused, Input):
        await shown.press("escape")
    shown.app.open_view(view)
    await shown.eventually(lambda: view == shown.view.NAME)
    await shown.shows(AT_HOME[view])
    await shown.press(*keys)
    await shown.shows(text)


def watched(app: CalendarApp, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the actions that are carried out from now on."""
    done: set[str] = set()
    carry_out = app._dispatch_action

    async def noting(namespace: DOMNode, name: str, parameters: object) -> bool:
        was_done = await carry_out(namespace, name, parameters)
        done.update([name] if was_done else [])
        return was_done

    monkeypatch.setattr(app, "_dispatch_action", noting)
    return done
