"""The screen of the debug log, as an administrator uses it: with keys, a real engine and a real log."""

import json
import zipfile
from pathlib import Path

import pytest

from calendar_tui.screens.log import LogView
from calendar_tui.screens.log_entry import LogEntryView
from calendar_tui.widgets.body_pane import BodyPane
from calendar_tui.widgets.line_view import LineView
from tests.support.logged import failed, kept, logged_engine, some_exchanges, traced
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow


def found(directory: Path, pattern: str) -> list[Path]:
    return list(directory.glob(pattern))


async def open_log(shown: Terminal) -> LogView:
    await shown.press("3")
    await shown.shows("09:05:00 FindItem")
    assert isinstance(shown.view, LogView)
    return shown.view


async def test_it_follows_what_comes_until_one_looks_elsewhere(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        log = await open_log(shown)
        await shown.shows("following")
        await shown.shows("300 entries kept")
        await logged.served.clock.advance(60)
        logged.capture.take(traced())
        await shown.shows("09:06:00 FindItem")
        await shown.press("up", "up")
        await shown.shows("paused")
        for number in range(3):
            logged.capture.take(traced(str(number)))
        await shown.shows("3 new")
        assert log.selected() is not None
        assert "09:04:59" in shown.row()
        await shown.press("end")
        await shown.shows("following")
        await shown.shows("09:06:00  following")
        await shown.press("f")
        await shown.shows("paused")
        await shown.press("f")
        await shown.shows("following")


async def test_all_of_it_can_be_scrolled_through(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(1500)) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:25:00 FindItem")
        await shown.press("home")
        await shown.shows("09:00:01 FindItem")
        await shown.press(*["pagedown"] * 20)
        await shown.eventually(lambda: "09:06:" in shown.row(), shown.grid)
        await shown.press("end")
        await shown.shows("09:25:00  following")


async def test_conditions_are_added_suspended_and_found_again(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("e")
        await shown.shows("09:04:55 Subscribe       ✗ ErrorImpersonateUs…")
        assert shown.grid().count("✗ ErrorServerBusy") == 2
        await shown.press("slash", *"nam:5")
        await shown.shows("▲ column 10: there is no field nam")
        assert "is:error nam:5" in shown.grid()
        await shown.press("enter")
        await shown.shows("there is no field nam")
        await shown.press(*["backspace"] * 5, *"attempt:2", "enter")
        await shown.shows("09:04:43 FindItem     #2")
        assert shown.grid().count("✗") == 1
        assert "is:error   attempt:2" in shown.grid()
        await shown.press("c", "down", "space", "escape")
        await shown.shows("(attempt:2)")
        await shown.shows("✗ ErrorImpersonateUs…")
        await shown.press("s")
        await shown.shows("(is:error)   (attempt:2)")
        await shown.shows("09:05:00 FindItem")
        await shown.press("c", "d", "d")
        await shown.shows("Conditions   none")
        await shown.press("end", "enter")
        await shown.shows("  is:error")


async def test_conditions_are_completed(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("slash", *"op:Sub")
        await shown.shows("Tab: op:Subscribe")
        await shown.press("tab", "enter")
        await shown.shows("  op:Subscribe")
        await shown.shows("✗ ErrorImpersonateUs…")


async def test_nothing_that_fits_is_said(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("slash", *"op:Nothing", "enter")
        await shown.shows("No entry matches the filter.")


async def test_one_exchange_its_diagnosis_and_its_other_attempts(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        log = await open_log(shown)
        log.narrow("request:busy")
        await shown.shows("#3")
        await shown.press("enter")
        await shown.shows("Attempts of this request")
        assert isinstance(shown.view, LogEntryView)
        assert "60% of 10 ms: waiting for Exchange to answer" in shown.grid()
        await shown.press("up", "enter")
        await shown.shows("✗ ErrorServerBusy  user3@corp.example (user User Number 3)")
        await shown.shows("Remedy: ")
        log.narrow("code:ErrorImpersonateUserDenied")
        await shown.press("escape")
        await shown.shows("Subscribe")
        await shown.press("enter")
        await shown.press("pagedown")
        await shown.shows("if (-not (Get-ManagementScope")
        await shown.press("c")
        await shown.shows("Copied")
        assert "New-ManagementRoleAssignment -Name 'calendar-engine'" in shown.app.clipboard
        assert "-CustomRecipientWriteScope" in shown.app.clipboard


async def test_bodies_are_indented_folded_and_searched(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("enter", "tab")
        await shown.shows('    <m:FindItem Traversal="Shallow">')
        await shown.press("tab")
        await shown.shows("          <t:ItemId Id='AA='/>")
        await shown.press("slash", *"startx", "backspace", "enter")
        await shown.shows("0 in the request, 2 in the response")
        assert "<t:Start>" in shown.grid()
        await shown.press("space")
        await shown.shows("<t:CalendarItem> … 2 lines … </t:CalendarItem>")
        await shown.press("n")
        await shown.shows("<t:Start>2026-03-02T09:00:00Z</t:Start>")
        await shown.press("v")
        await shown.shows("esponseCode><m:Items><t:CalendarItem>")
        await shown.press("tab")
        await shown.shows("X-FEServer: EXCHANGE01")


async def test_both_bodies_are_side_by_side_where_there_is_room(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket, size=(120, 40)) as shown:
        await open_log(shown)
        await shown.press("enter", "tab")
        await shown.shows("<m:FindItemResponse>")
        await shown.shows("<m:FindItem Traversal")
        await shown.shows(" request  XML ")
        await shown.press("tab", "slash", *"Start", "enter")
        await shown.shows("2 in the response")
        await shown.press("tab")
        await shown.shows("X-FEServer: EXCHANGE01")


async def test_where_there_is_no_room_nothing_of_the_bodies_is_left(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket, size=(120, 40)) as shown:
        await shown.press("3")
        await shown.shows("300 entries kept")
        await shown.press("enter", "tab")
        await shown.shows("<m:FindItemResponse")
        await shown.pilot.resize_terminal(60, 15)
        await shown.shows("enlarge it")
        await shown.eventually(lambda: not "".join(shown.grid().splitlines()[2:]).strip(), shown.grid)
        await shown.pilot.resize_terminal(120, 40)
        await shown.shows("<m:FindItemResponse")


async def test_a_body_that_was_cut_off_says_so_and_is_shown_to_its_end(tmp_path: Path) -> None:
    large = "<a>" + "<b>text</b>" * 90_000
    exchanges = [kept(1, response=large, received=5_000_000)]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:00:01 FindItem")
        await shown.press("enter", "tab", "tab")
        await shown.shows("response  XML  5.0 MB  ✗ cut off: the first 990 kB were kept")
        await shown.eventually(lambda: all(pane.complete for pane in shown.app.frame.query(BodyPane)))
        await shown.press("end")
        await shown.shows("  <b>text</b>")


async def test_neighbours_of_the_list_the_user_and_the_operation(tmp_path: Path) -> None:
    exchanges = [kept(1), kept(2, operation="GetItem"), kept(3), kept(9, mailbox="user1@corp.example")]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:00:09 FindItem")
        await shown.press("up", "enter")
        await shown.shows("Log › 3")
        for keys, place in (
            (("left_square_bracket",), 2),
            (("O",), 2),
            (("K",), 1),
            (("u",), 4),
            (("U",), 1),
            (("o",), 3),
        ):
            await shown.press(*keys)
            await shown.shows(f" Log › {place} ")
        await shown.press("J", "J")
        await shown.shows("There are no more.")


async def test_times_and_marks_lead_to_places(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(1500)) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:25:00 FindItem")
        await shown.press("m", "t", *"2026-03-02T09:03:20", "enter")
        await shown.shows("2026-03-02 09:03:20  paused")
        await shown.press("m", "t", *"nonsense", "enter")
        await shown.shows("Not a time")
        await shown.press("escape", "n")
        await shown.shows("2026-03-02 09:25:00")
        await shown.press("n")
        await shown.shows("2026-03-02 09:03:20")
        assert "▸ 09:03:20" in shown.grid()


async def test_errors_and_figures_lead_to_exchanges(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("i")
        await shown.shows("✗ ErrorServerBusy  2 times, 1 user: user3@corp.example")
        await shown.shows("Statistics for 300 entries, 3 errors")
        await shown.press("enter")
        await shown.shows("  code:ErrorServerBusy")
        assert shown.grid().count("✗ ErrorServerBusy") == 2


async def test_capturing_is_switched_on_for_a_mailbox_and_a_time(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(), ews=False) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.shows("· not capturing (C starts)")
        await shown.press("C", *"anna@corp.example", "tab", *["backspace"] * 3, *"soon", "enter")
        await shown.shows("soon is not a duration")
        await shown.press(*["backspace"] * 4, *"2h", "enter")
        await shown.shows("✓ capturing anna@corp.example until 11:05")
        assert logged.capture.on
        await shown.press("C", "ctrl+o")
        await shown.shows("· not capturing")
        assert not logged.capture.on


async def test_nothing_is_switched_while_reading_only(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, ews=False) as logged, terminal(logged.socket, read_only=True) as shown:
        await shown.press("3")
        await shown.shows("Nothing has been captured yet.")
        await shown.press("C", "enter")
        await shown.shows("Nothing can be changed: the connection is read-only.")
        assert not logged.capture.on


async def test_exchanges_are_copied_and_exported_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("e", "w")
        await shown.shows("Written to")
        await shown.press("W")
        await shown.eventually(lambda: len(found(tmp_path, "calendar-log-*.zip")) == 1, shown.grid)
        (har,) = found(tmp_path, "calendar-log-*.har")
        assert len(json.loads(har.read_text())["log"]["entries"]) == 3
        (bundle,) = found(tmp_path, "calendar-log-*.zip")
        assert zipfile.is_zipfile(bundle)
        await shown.press("enter", "x")
        await shown.eventually(lambda: shown.app.clipboard.startswith("curl"), shown.grid)
        await shown.press("tab", "w")
        await shown.shows("Written to")
        (body,) = found(tmp_path, "calendar-log-entry-*-request.txt")
        assert "<m:FindItem" in body.read_text()
        assert {path.stat().st_mode & 0o777 for path in (har, bundle, body)} == {0o600}


async def test_from_a_user_to_the_exchanges(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await shown.press("2")
        await shown.shows("User Number 5")
        await shown.press(*["down"] * 5, "enter")
        await shown.shows("Users › User Number 5")
        await shown.press("l")
        await shown.shows("  user:user5@corp.example")
        await shown.shows("✗ ErrorImpersonateUs…")
        assert "User Number 4" not in shown.grid()


async def test_a_failure_of_the_log_is_said_and_the_view_lives_on(tmp_path: Path) -> None:
    exchanges = [failed(1, "ErrorMailboxMoveInProgress")]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("✗ ErrorMailboxMoveIn…")
        await shown.press("enter")
        await shown.shows("Log › 1")
        main = shown.line_view("main")
        main.post_message(LineView.Chosen(main, "99"))
        await shown.shows("lists those kept")
        await shown.press("escape")
        await shown.shows("✗ ErrorMailboxMoveIn…")
