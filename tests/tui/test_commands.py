"""Every command is where keys, footer, palette and help find it, and does something."""

import re
from pathlib import Path

import pytest

from calendar_tui.app import CalendarApp
from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command
from calendar_tui.screens.registry import MAIN_VIEWS
from calendar_tui.state.help import help_document, palette_document
from tests.support.api import people, served_engine
from tests.support.exchanges import traced
from tests.support.tui import Terminal, terminal

MANUAL = (Path(__file__).parents[2] / "man" / "calendar-tui.1").read_text()
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
    assert f".It Ic {command.key.replace('^', 'Ctrl+')}" in re.sub(r"↑|↓", lambda arrow: arrow[0], MANUAL), command.name


def test_the_palette_finds_by_any_words() -> None:
    found = palette_document(registry.in_view("users"), "user problem")
    assert [line.key for line in found] == ["errors only"]
    assert len(palette_document(registry.in_view("users"), "")) == len(registry.in_view("users"))


async def to_place(shown: Terminal, place: str) -> None:
    """Go where a command can be given."""
    match place:
        case "user":
            await shown.press("2", "enter")
            await shown.shows("What it ought to") if False else await shown.shows("Appointments")
        case "users" | "everywhere" | "list":
            await shown.press("2")
            await shown.shows("of 40")
        case "log" | "exchange" | "conditions" | "capture":
            await shown.press("3")
            await shown.shows("FindItem")
            ways = {"log": ("", ""), "exchange": ("enter", "summary"), "conditions": ("ec", "is:error")}
            keys, seen = ways.get(place, ("C", "Enter begins"))
            await shown.press(*([keys] if keys == "enter" else keys))
            await shown.shows(seen)
        case "settings" | "review" | "versions":
            await shown.press("4")
            await shown.shows("pbx.master")
            if place != "settings":
                await shown.press("down", "space", *{"review": "d", "versions": "h"}[place])
                await shown.shows({"review": "pbx.link", "versions": "version 1"}[place])


@pytest.mark.parametrize("place", sorted(PLACES))
async def test_every_key_does_something(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with served_engine(tmp_path, people(40)) as served:
        await served.settled()
        served.log.capture.take(traced())
        for command in registry.of_place(place):
            done: list[str] = []
            async with terminal(served.socket) as shown:
                await to_place(shown, place)
                watch(shown.app, done, monkeypatch)
                await shown.press(command.keys[0])
            assert command.action.partition("(")[0] in done, command.name
            monkeypatch.undo()
            monkeypatch.chdir(tmp_path)


def watch(app: CalendarApp, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Note which actions are carried out, and carry them out."""
    carry_out = app.run_action

    async def noting(action: object, *arguments: object, **options: object) -> bool:
        name = action if isinstance(action, str) else action[1]  # type: ignore[index]
        done.append(name.partition("(")[0])
        return await carry_out(action, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(app, "run_action", noting)
