"""The program as an administrator uses it: with keys, a real engine and a real socket."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from calendar_tui.screens.user import UserView
from calendar_tui.screens.users import UsersView
from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import Mailbox, Window
from tests.support.eventually import eventually
from tests.support.served_engine import NINE, InstantSource, people, served_engine
from tests.support.tui import terminal

pytestmark = pytest.mark.slow

USERS = people(30)


@pytest.fixture
def source() -> InstantSource:
    source = InstantSource()
    for number in (7, 17):
        source.failures[f"user{number}@corp.example"] = MailboxNotFound("not in the directory")
    return source


async def test_from_a_problem_to_its_users(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.shows("✗ No mailbox found")
            await shown.shows("28 up to date")
            assert "Give the user object in the PBX an e-mail address" in shown.grid()
            await shown.press("enter")
            await shown.shows("Overview › No mailbox found")
            await shown.shows("2 users, since 09:05")
            assert "User Number 7 " in shown.grid()
            await shown.press("c")
            await shown.shows("There is no command for this problem.")
            await shown.press("enter")
            await shown.shows("User Number 17")
            await shown.shows("Because  ✗ No mailbox found")
            await shown.press("escape", "escape")
            await shown.shows("Last changes")
            await shown.press("2", "e")
            await shown.shows("2 of 30")


async def test_enter_shows_a_line_whole(tmp_path: Path, source: InstantSource) -> None:
    [usual] = await source.read_window(Mailbox("user0@corp.example", ""), Window(NINE, NINE))
    source.calendars["user0@corp.example"] = (replace(usual, subject=f"{'very ' * 20}long"),)
    async with served_engine(tmp_path, people(1), source=source) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2", "enter")
            await shown.shows("Appointments 1")
            assert "long shown now" not in " ".join(shown.grid().split())
            await shown.press("enter")
            await shown.eventually(lambda: "long shown now" in " ".join(shown.grid().split()))


async def test_what_was_begun_is_followed_to_its_end(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2")
            await shown.shows("30 users")
            source.gate.clear()
            await shown.press("R")
            await shown.shows("Reading calendars again: 2 of 30, 2 failed")
            source.gate.set()
            await shown.shows(". Done.")
            await shown.press("down")
            await shown.shows("/ filter")


async def test_nobody_fits(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served, terminal(served.socket) as shown:
        await shown.press("2", "slash", *"nobody", "enter")
        await shown.shows('Nobody fits "nobody". x shows all 30.')
        await shown.press("x")
        await shown.shows("30 users")


async def test_back_leads_where_one_came_from(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2", "enter")
            await shown.shows("Users › User Number 0")
            await shown.press("l")
            await shown.eventually(lambda: shown.view.NAME == "log")
            await shown.press("escape")
            await shown.shows("Users › User Number 0")
            await shown.press("escape")
            assert isinstance(shown.view, UsersView)


async def test_filter_as_typed_sort_and_errors(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2", "slash")
            for letters, left in (("2", 12), ("9", 1)):
                await shown.press(*letters)
                await shown.shows(f"1–{left}\n")
            await shown.press("enter")
            await shown.shows("[29]")
            await shown.press("x", "e")
            await shown.shows("2 of 30")
            await shown.press("e", "s", "s")
            await shown.shows("by state ▼")
            await shown.press("S", "end")
            await shown.shows("–30\n")


async def test_what_happens_is_seen(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2")
            await shown.shows("● busy       User Number 0         Busy: Jour fixe until 10am")
            assert "  10:00  09:05" in shown.grid()
            await served.clock.advance(3600)
            await served.settled()
            await shown.shows("○ available  User Number 0  ")
            served.link.remove(USERS[0].guid)
            await shown.shows("29 users")
            await shown.press("1")
            await shown.shows("29 users")


async def test_the_cursor_stays_with_its_user(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2", "down", "down", "down")
            main = shown.line_view("main")
            chosen = main.cursor_key
            served.link.remove(USERS[0].guid)
            await shown.shows("29 users")
            assert (main.cursor_key, main.cursor) == (chosen, 2)


async def test_resync_and_its_right(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        before = served.source.reads
        async with terminal(served.socket) as shown:
            await shown.press("2", "enter")
            await shown.shows("Shows    ● busy")
            await shown.press("r")
            await shown.shows("Reading calendars again: ")
            await eventually(lambda: served.source.reads == before + 1)
            await shown.press("escape", "slash", "2", "9", "enter", "R")
            await shown.shows("Reading calendars again: ")
            await eventually(lambda: served.source.reads == before + 2)
        async with terminal(served.socket, read_only=True) as shown:
            await shown.shows("read only")
            await shown.press("2", "enter", "r")
            await shown.shows("the connection is read-only")
            assert "resync" not in shown.grid().splitlines()[-1] or "read-only" in shown.grid()
            assert served.source.reads == before + 2


async def test_copy_and_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket, size=(100, 40)) as shown:
            await shown.press("2", "enter")
            await shown.shows("Jour fixe")
            await shown.press("y")
            assert "Jour fixe" in shown.app.clipboard
            await shown.press("ctrl+c")
            assert "^Q quits" in shown.grid().splitlines()[-1]
            assert "Do you want to quit" not in shown.grid()
            await shown.press("w")
            await shown.shows("Written to")
    written = tmp_path / "calendar-user0.txt"
    assert written.stat().st_mode & 0o777 == 0o600
    assert written.read_text().startswith("User Number 0 (user0), 2026-03-02 09:05 UTC\n")


async def test_the_engine_goes_and_comes(tmp_path: Path) -> None:
    async with terminal(tmp_path / "engine.sock", attached=False) as shown:
        await shown.shows("The engine cannot be reached")
        assert "calendar-engine run" in shown.grid()
        async with served_engine(tmp_path, USERS):
            await shown.shows("30 users")
            assert "cannot be reached" not in shown.grid()
        await shown.shows("✗ engine gone")
        await shown.shows("Data is ")
        assert "30 users" in shown.grid()
        async with served_engine(tmp_path, people(24)):  # most of the 30 stay, or it would be held
            await shown.shows("✓ m\n")
            await shown.shows("24 users")


async def test_from_a_change_to_its_user_and_on(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.shows("● busy       User Number")
            await shown.press("enter")
            await shown.shows("Appointments")
            first = shown.row()
            await shown.press("n")
            await shown.eventually(lambda: shown.row() != first or "no more" in shown.grid())
            await shown.press("p")
            await shown.press("escape")
            await shown.shows("Last changes")


async def test_small_and_large(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            for width, height in ((59, 24), (80, 17), (5, 2)):
                await shown.pilot.resize_terminal(width, height)
                await shown.shows("This")
            await shown.pilot.resize_terminal(60, 18)
            await shown.shows("Last changes")
            await shown.pilot.resize_terminal(132, 50)
            await shown.press("2")
            await shown.shows("user0@corp.example")
            await shown.press("question_mark", "down", "e")
            await shown.shows("Keys and signs")
            await shown.shows("Nobody fits")
            await shown.press("d")
            await shown.shows("Show these users as a list")
            await shown.press("escape")
            await shown.eventually(lambda: "Keys and signs" not in shown.grid() and shown.view.NAME == "day")
            await shown.press("question_mark", "tab", *["down"] * 4, "enter")
            await shown.eventually(lambda: shown.view.NAME == "users")
            await shown.pilot.resize_terminal(80, 24)
            await shown.press("escape", "x")
            await shown.eventually(lambda: "Keys and signs" not in shown.grid())


async def test_one_user_who_goes(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.press("2", "enter")
            await shown.shows("Jour fixe")
            assert isinstance(shown.view, UserView)
            served.link.remove(shown.view.guid)
            await shown.shows("There is no such user")
