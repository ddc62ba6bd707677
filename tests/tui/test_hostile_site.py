"""Servers that send control characters everywhere: none reaches a screen or the clipboard."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from calendar_tui.app import MAIN_VIEWS
from calendar_tui.terminal import CharacterSet, TerminalCapabilities
from tests.support.hostile import harm_in, harm_in_lines
from tests.support.hostile_site import (
    CODED,
    EVERYBODY,
    FAULT,
    HALVED,
    LONG_NAMED,
    PAGE,
    TWIN,
    UNKNOWN,
    UNSHOWN,
    WELL,
    HostileSite,
    hostile_site,
)
from tests.support.pty import on_terminal
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

SHOWN = "ERROR forged"
CLIPBOARD = re.compile("\x1b\\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\\\)")
POINTER = re.compile("\x1b\\]22;[a-z]+\x07")
CONTROL_SEQUENCE = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")
KEYS = {
    "overview": "j j j enter l escape escape question_mark escape ctrl+p escape",
    "users": "s S e e x slash o w n e d enter escape n y",
    "log": "m n N u x o x c escape s s S escape f e e slash o w n e d enter x t escape",
    "day": "j c left right d",
    "settings": "j j enter escape h escape p escape slash n o t e enter",
}
"""What is pressed in each view."""


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostileSite]:
    monkeypatch.chdir(tmp_path)
    async with hostile_site(tmp_path) as site:
        yield site


def seen(shown: Terminal) -> str:
    """Return the screen, which must be harmless and have as many rows as the terminal."""
    picture = shown.grid()
    assert not harm_in_lines(picture), ascii(picture)
    assert picture.count("\n") == shown.app.size.height
    assert not shown.app.screen.query("Toast")
    assert not harm_in(f"{shown.app.title}{shown.app.sub_title}{shown.app.screen.title or ''}")
    return picture


def copied(shown: Terminal) -> str:
    """Copy what is known of the user, which is nothing before the details have come."""
    shown.app.frame.action_command("copy")
    return shown.app.clipboard


@pytest.mark.parametrize(("size", "letters"), [((80, 24), CharacterSet.ALL), ((160, 50), CharacterSet.ASCII)])
async def test_no_view_lets_any_of_it_through(site: HostileSite, size: tuple[int, int], letters: CharacterSet) -> None:
    async with terminal(
        site.socket, size=size, look=TerminalCapabilities(letters=letters), real_time=site.clock.now
    ) as shown:
        for name in MAIN_VIEWS:
            shown.app.frame.open_view(name)
            await shown.pilot.pause()
            seen(shown)
            for key in KEYS[name].split():
                await shown.press(key)
                seen(shown)
        for name in (LONG_NAMED, HALVED, CODED, PAGE, UNSHOWN, UNKNOWN, TWIN):
            shown.app.frame.open_user(site.company.world.person(name).guid)
            await shown.shows("] next [ prev")
            await shown.shows("Because")
            seen(shown)
            await shown.eventually(lambda: SHOWN in copied(shown))
            await shown.press("pagedown", "w")
            await shown.shows("Written to")
            seen(shown)
            assert not harm_in_lines(shown.app.clipboard)
            await shown.press("escape")


async def test_each_user_has_one_row(site: HostileSite) -> None:
    async with terminal(site.socket, size=(100, 40), real_time=site.clock.now) as shown:
        shown.app.frame.open_view("users")
        await shown.shows(f"{len(EVERYBODY)} users  ")
        rows = [row for row in seen(shown).splitlines() if any(f"  {name} " in row for name in EVERYBODY)]
        assert len(rows) == len(EVERYBODY)


@pytest.mark.parametrize("name", [WELL, CODED, UNKNOWN])
async def test_the_exchanges_of_each_user_are_found(site: HostileSite, name: str) -> None:
    async with terminal(site.socket, real_time=site.clock.now) as shown:
        shown.app.frame.open_user(site.company.world.person(name).guid)
        await shown.shows("log")
        await shown.press("l")
        await shown.shows("ResolveNames")
        seen(shown)


async def test_no_exchange_lets_any_of_it_through(site: HostileSite) -> None:
    async with terminal(site.socket, size=(100, 30), real_time=site.clock.now) as shown:
        shown.app.frame.open_log(
            "is:error", f"user:{PAGE} or user:{CODED} or user:{FAULT}", "op:FindItem or op:Subscribe"
        )
        await shown.shows("FindItem")
        await shown.press("home", "enter")
        shown_in, last = 0, ""
        while last != (last := shown.row()):
            for key in ("tab", "tab", "y", "v", "y", "tab", "y", "tab", "y", "c", "x", "w"):
                await shown.press(key)
                shown_in += SHOWN in seen(shown)
                assert not harm_in_lines(shown.app.clipboard.replace("\t", ""))
            await shown.press("right_square_bracket")
        assert shown_in > 10


@pytest.mark.pty
async def test_no_byte_of_it_reaches_the_terminal(site: HostileSite) -> None:
    """Operating system commands (ECMA-48, OSC) are for the clipboard and the shape of the pointer alone."""
    async with on_terminal("--socket", str(site.socket), size=(100, 30)) as seen:
        await seen.shows(f"{len(EVERYBODY)} users")
        seen.press("2")
        await seen.shows(f"{len(EVERYBODY)} users  ")
        seen.press("\r")
        await seen.shows("Appointments")
        seen.press("y")
        await seen.shows("Copied")
        seen.press("l")
        await seen.shows("ResolveNames")
        seen.press("\r")
        await seen.shows("Log ›")
        seen.press("q")
        await seen.process.wait()
        received = seen.received.decode()
    copied = [base64.b64decode(text).decode() for text in CLIPBOARD.findall(received)]
    rest = CONTROL_SEQUENCE.sub("", POINTER.sub("", CLIPBOARD.sub("", received))).replace("\r\n", "")
    assert SHOWN in rest
    assert not harm_in(rest), ascii(rest)
    assert [text for text in copied if SHOWN in text]
    assert not [text for text in copied if harm_in_lines(text)]
