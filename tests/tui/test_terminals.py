"""Tests on a real pseudo-terminal: output, colours, response time, and amount of data."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from calendar_tui.terminal import CharacterSet, TerminalCapabilities, TerminalUnfit, ThemeName, look_of
from engine.core.users import User
from tests.support.eventually import PATIENCE, eventually
from tests.support.pty import is_running, on_terminal
from tests.support.served_engine import people, served_engine

pytestmark = pytest.mark.slow

USERS = people(30)
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:38|48|3[0-7]|4[0-7]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
BUSY_MACHINE = 2
"""How much more of the processor than on a quiet machine a test may take until the first picture."""


@pytest.mark.pty
async def test_what_an_administrator_sees(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket)) as seen:
            await seen.shows("30 users")
            assert 0 < seen.processor_time < 0.6 * BUSY_MACHINE
            seen.press("2")
            await seen.shows("● busy       User Number 0         Busy: Jour fixe until 10am")
            seen.press("/29")
            await seen.shows("1–1\n")
            seen.press("\r")
            await seen.shows("1 of 30   [29]")
            seen.press("\r")
            await seen.shows("Users › User Number 29")
            await seen.shows("Jour fixe")
            await seen.quiet()
            seen.clear()
            seen.press("\x1b[15~")
            await seen.shows("Users › User Number 29")
            await seen.shows("Jour fixe")
            assert seen.memory() < 60 * 1024 * 1024
            seen.resize(50, 10)
            await seen.shows("please enlarge it")
            seen.resize(120, 40)
            await seen.shows("Earlier presences")
            assert COLOUR.search(bytes(seen.received))
            seen.press("q")
            assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0


WITHOUT_HTTP = """
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

from calendar_tui.main import main

class Gate(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        while name == "httpx" and not Path(sys.argv[2]).with_name("gate").exists():
            time.sleep(0.01)

sys.meta_path.insert(0, Gate())
sys.exit(main())
"""
"""The program, in which httpx can be loaded as soon as there is a file named gate beside the socket."""


@pytest.mark.pty
async def test_the_first_picture_does_not_wait_for_the_http_client(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket), program=("-c", WITHOUT_HTTP)) as seen:
            try:
                await seen.shows("connecting")
            finally:
                served.socket.with_name("gate").touch()
            await seen.shows("30 users")


@pytest.mark.pty
async def test_nothing_happens_nothing_is_sent(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket), size=(120, 45)) as seen:
            await seen.shows("30 users")
            seen.press("2")
            await seen.shows("30 users  ")
            seen.press("/")
            await seen.shows("words that must all match")
            await seen.quiet()
            before = len(seen.received)
            await seen.quiet(seconds=1.5)
            assert len(seen.received) == before
            seen.press("\r")
            await seen.quiet()
            before = len(seen.received)
            served.link.tell(User(guid=USERS[3].guid, name="user3", display_name="User Number 3 changed"))
            await seen.shows("User Number 3 chan")
            await seen.quiet()
            assert len(seen.received) - before < 500


VIEW, FIRST = 4096, 5500
"""Bytes that a change of view may take at 80x24; what all takes until the first one is drawn, with what is asked of the
terminal."""

CHANGES = (
    ("4", "settings.toml"),
    ("2", "by name"),
    ("\r", "] next"),
    ("5", "Monday 2 March"),
    ("3", "capturing"),
    ("1", "Last changes"),
    ("\x10", "Draw the screen again"),
    ("\x1b", "Last changes"),
)
"""Keys and what they show: the first opening of every view, and the way back."""


@pytest.mark.pty
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "linux", "COLORTERM": ""}])
async def test_a_change_of_view_is_drawn_once_and_costs_little(tmp_path: Path, environment: dict[str, str]) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket), environment=environment) as seen:
            await seen.shows("Users 30")
            await seen.quiet()
            assert len(seen.received) <= FIRST
            for keys, text in CHANGES:
                before = len(seen.received)
                seen.press(keys)
                await seen.shows(text)
                await seen.quiet()
                assert len(seen.received) - before <= VIEW, keys


@pytest.mark.pty
async def test_keys_of_one_packet_go_where_they_belong(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket)) as seen:
            await seen.shows("Users 30")
            seen.press("2/29\r\r")
            await seen.shows("Users › User Number 29")
            seen.press("\x10vendor\r")
            await seen.shows("Master PBX Name")
            seen.press("4/exchange.ser\r\r\r2x")
            await seen.shows("30 users")


@pytest.mark.pty
@pytest.mark.parametrize(
    ("environment", "busy", "has_colour"),
    [
        ({"NO_COLOR": "1"}, "● busy", False),
        ({"TERM": "linux", "COLORTERM": ""}, "B busy", True),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}, "B busy", True),
    ],
    ids=["no colour", "console", "not UTF-8"],
)
async def test_lesser_terminals(tmp_path: Path, environment: dict[str, str], busy: str, has_colour: bool) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket), environment=environment) as seen:
            await seen.shows("30 users")
            seen.press("2")
            await seen.shows(f"{busy}       User Number 0 ")
            seen.press("\x10user")
            await seen.shows("Go to the users")
            seen.press("\x1b")
            await seen.shows("30 users  ")
            data = bytes(seen.received)
            assert bool(COLOUR.search(data)) is has_colour
            if environment.get("TERM") == "linux":
                assert b"38;2" not in data
                assert b"38;5" not in data


@pytest.mark.pty
async def test_without_colour_the_terminal_s_own_background_is_left_alone(tmp_path: Path) -> None:
    async with (
        served_engine(tmp_path, USERS) as served,
        on_terminal("--socket", str(served.socket), environment={"NO_COLOR": "1"}) as seen,
    ):
        await seen.shows("30 users")
        assert b"\x1b[7m" in seen.received or b";7m" in seen.received or b"[7;" in seen.received


def test_a_terminal_that_cannot_move_the_cursor() -> None:
    for terminal in ("dumb", "", "unknown"):
        with pytest.raises(TerminalUnfit, match="calendar-engine status"):
            look_of({"TERM": terminal}, "utf-8")


def test_looks() -> None:
    assert look_of({"TERM": "xterm"}, "UTF-8") == TerminalCapabilities(ThemeName.DARK, CharacterSet.ALL)
    assert look_of({"TERM": "xterm"}, "utf8", theme=ThemeName.LIGHT) == TerminalCapabilities(
        ThemeName.LIGHT, CharacterSet.ALL
    )
    assert look_of({"TERM": "xterm"}, "utf-8", ascii_only=True).letters is CharacterSet.ASCII
    assert look_of({"TERM": "linux"}, "utf-8") == TerminalCapabilities(ThemeName.ANSI, CharacterSet.NO_GLYPHS)
    assert look_of({"TERM": "xterm", "NO_COLOR": ""}, "utf-8") == TerminalCapabilities(
        ThemeName.ANSI, CharacterSet.ALL, colour=False
    )


@pytest.mark.pty
@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"LANG": "POSIX", "LC_ALL": "", "LC_CTYPE": ""}], ids=["C", "POSIX"]
)
async def test_a_locale_of_ascii_gets_ascii(tmp_path: Path, locale: dict[str, str]) -> None:
    users = [msgspec.structs.replace(each, display_name="Zoë Müller") for each in people(3)]
    async with served_engine(tmp_path, users) as served:
        await served.settled()
        async with on_terminal("--socket", str(served.socket), environment=locale) as seen:
            await seen.shows("3 users")
            seen.press("2")
            await seen.shows("B busy       Zoe Muller")
            seen.press("\r")
            await seen.shows("Users > Zoe Muller")
            seen.press("q")
            assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
            assert bytes(seen.received).isascii()


@pytest.mark.process
def test_not_a_terminal() -> None:
    ended = subprocess.run([sys.executable, "-m", "calendar_tui.main"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (69, "")
    assert "calendar-engine status, users, explain, events" in ended.stderr


@pytest.mark.pty
async def test_dumb_is_refused_before_anything_is_drawn() -> None:
    async with on_terminal(environment={"TERM": "dumb"}) as seen:
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 69
        await seen.shows("Use instead: calendar-engine status")
        assert b"\x1b" not in seen.received


@pytest.mark.pty
async def test_the_demo_comes_and_goes_with_it() -> None:
    async with on_terminal("--demo", size=(120, 40)) as seen:
        await seen.shows("26 users")
        await seen.shows("✓ working   since")
        [child] = seen.children()
        seen.press("q")
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
        assert not is_running(child)


@pytest.mark.pty
async def test_killed_it_leaves_no_engine_behind() -> None:
    async with on_terminal("--demo") as seen:
        await seen.shows("26 users")
        [child] = seen.children()
        seen.process.kill()
        await eventually(lambda: not is_running(child))


@pytest.mark.pty
async def test_with_its_terminal_it_goes_and_its_demo() -> None:
    async with on_terminal("--demo") as seen:
        await seen.shows("26 users")
        [child] = seen.children()
        seen.hang_up()
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
        assert not is_running(child)


@pytest.mark.pty
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_ended_by_a_signal_the_demo_ends_too(number: signal.Signals) -> None:
    async with on_terminal("--demo") as seen:
        await seen.shows("users")
        [child] = seen.children()
        seen.process.send_signal(number)
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
        assert seen.is_in_order()
        await eventually(lambda: not is_running(child))
