"""The view of the debug log, as an administrator uses it: with keys, a real engine and a real log."""

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from calendar_tui.screens.log import LogView
from calendar_tui.screens.log_entry import LogEntryView
from calendar_tui.widgets.line_view import LineView
from tests.support.exchanges import said
from tests.support.logged import USERS, LoggedEngine, failed, kept, logged_engine, some_exchanges, traced
from tests.support.served_engine import SETTINGS
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

PBX = "[debug_log]\news = true\npbx = true\n"


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def found(directory: Path, pattern: str) -> list[Path]:
    return list(directory.glob(pattern))


async def open_log(shown: Terminal) -> LogView:
    await shown.press("3")
    await shown.shows("09:05:00  FindItem")
    assert isinstance(shown.view, LogView)
    return shown.view


async def test_it_follows_what_comes_until_one_looks_elsewhere(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        log = await open_log(shown)
        await shown.shows("● capturing everybody, only Exchange · 300 kept")
        await shown.shows("following    3 errors E")
        await logged.served.clock.advance(60)
        logged.capture.take(traced())
        await shown.shows("09:06:00  FindItem")
        await shown.press("up", "up")
        await shown.shows("stopped")
        for number in range(3):
            logged.capture.take(traced(str(number)))
        await shown.shows("stopped · 3 new")
        assert log.selected() is not None
        assert "▸ 09:04:59" in shown.grid()
        await shown.press("end")
        await shown.shows("following")
        await shown.shows("▸ 09:06:00")
        await shown.press("f")
        await shown.shows("stopped")
        await shown.press("f")
        await shown.shows("following")


async def test_all_of_it_can_be_scrolled_through(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(1500)) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:25:00  FindItem")
        await shown.press("home")
        await shown.shows("09:00:01  FindItem")
        await shown.press(*["pagedown"] * 20)
        await shown.shows("▸ 09:06:")
        await shown.press("end")
        await shown.shows("▸ 09:25:00")
        await shown.shows("following")


async def test_conditions_are_added_suspended_dropped_and_found_again(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("e")
        await shown.shows("09:04:55  Subscribe        ✗ no right to read")
        assert shown.grid().count("✗ mailbox busy") == 2
        await shown.press("slash", *"nam:5")
        await shown.shows("▲ column 10: there is no field nam")
        assert "is:error nam:5" in shown.grid()
        await shown.press("enter")
        await shown.shows("there is no field nam")
        await shown.press(*["backspace"] * 5, *"attempt:2", "enter")
        await shown.shows("09:04:43  FindItem     #2")
        assert shown.grid().count("✗") == 1
        assert "is:error   attempt:2" in shown.grid()
        await shown.press("c", "down", "space", "escape")
        await shown.shows("(attempt:2)")
        await shown.shows("✗ no right to read")
        await shown.press("s")
        await shown.shows("(is:error)   (attempt:2)    x all")
        await shown.shows("09:05:00  FindItem")
        await shown.press("x")
        await shown.eventually(lambda: "x all" not in shown.grid())
        await shown.press("c")
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
        await shown.shows("✗ no right to read")
        await shown.press("slash", *"peer:")
        await shown.shows("Tab: peer:exchange   peer:pbx")


async def test_nothing_that_fits_is_said(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("slash", *"op:Nothing", "enter")
        await shown.shows("No entry matches the filter.")


async def speak(logged: LoggedEngine) -> None:
    """Have something said to the PBX: a presence, two keep-alives, and a presence that is refused."""
    for operation, failure in (("SetPresence", ""), *[("KeepAlive", "")] * 2, ("SetPresence", "presence-refused")):
        quiet = operation == "KeepAlive"
        about = "" if quiet else USERS[1].guid
        reason = "no such user" if failure else ""
        record = said(operation, quiet=quiet, failure=failure, about=about, reason=reason)
        logged.capture.pbx.take(record)


async def test_both_sides_are_listed_and_keep_alives_are_hidden(tmp_path: Path) -> None:
    settings = SETTINGS + PBX
    async with (
        logged_engine(tmp_path, some_exchanges(), settings=settings) as logged,
        terminal(logged.socket) as shown,
    ):
        await open_log(shown)
        await speak(logged)
        await shown.shows("PBX SetPresence  ✓ ok")
        await shown.shows("PBX SetPresence  ✗ refused")
        await shown.shows(" 2 keep-alives hidden · h shows them")
        await shown.shows("● capturing everybody · 304 kept")
        await shown.shows("4 errors E")
        assert "KeepAlive" not in shown.grid()
        await shown.press("h")
        await shown.shows("PBX KeepAlive    · keep-alive")
        assert "hidden" not in shown.grid()
        await shown.press("h", "slash", *"is:quiet", "enter")
        await shown.shows("PBX KeepAlive    · keep-alive")
        assert "hidden" not in shown.grid()


async def test_a_message_of_the_pbx_is_shown_with_its_answer(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, settings=SETTINGS + PBX) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("Nothing has been captured yet.")
        await speak(logged)
        await shown.shows("✗ refused")
        await shown.press("enter")
        await shown.shows("✗ The PBX refuses to set this presence")
        await shown.shows("no such user")
        await shown.shows("to the PBX by wss://pbx.corp.example:443/PBX0/APPS/websocket")
        await shown.press("x")
        await shown.shows("There is no curl command for a message of the PBX.")
        await shown.press("tab")
        await shown.shows('"note":"[blanked]"')
        await shown.press("tab")
        await shown.shows('"mt":"SetPresenceResult"')


async def test_errors_are_visited_one_after_the_other(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("E")
        await shown.shows("▸ 09:04:55  Subscribe        ✗")
        await shown.press("E")
        await shown.shows("No later error: this is the first.")
        await shown.shows("▸ 09:04:40  FindItem         ✗")
        await shown.press("E")
        await shown.shows("▸ 09:04:43  FindItem     #2  ✗")


async def test_one_exchange_its_diagnosis_and_its_other_attempts(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        log = await open_log(shown)
        log.narrow("request:busy")
        await shown.eventually(lambda: shown.grid().count("FindItem") == 3, shown.grid)
        await shown.press("enter")
        await shown.shows("Tries")
        assert isinstance(shown.view, LogEntryView)
        assert " server █████ 6 " in shown.grid()
        assert "Log › 09:04:49 FindItem › User Nu" in shown.grid()
        await shown.press("up", "enter")
        await shown.shows("✗ Exchange asks for a pause for this mailbox")
        await shown.shows("ErrorServerBusy")
        await shown.shows(" → ")
        log.narrow("code:ErrorImpersonateUserDenied")
        await shown.press("escape")
        await shown.shows("Subscribe")
        await shown.press("enter")
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
        await shown.shows("0 in the request, 2 in the reply")
        await shown.shows("<t:Start>")
        await shown.press("enter")
        await shown.shows("<t:CalendarItem> … 2 lines … </t:CalendarItem>")
        await shown.press("n")
        await shown.shows("<t:Start>2026-03-02T09:00:00Z</t:Start>")
        await shown.press("v")
        await shown.shows("ponseCode><m:Items><t:CalendarItem>")
        await shown.press("tab")
        await shown.shows("X-FEServer: EXCHANGE01")


async def test_a_search_in_the_summary_leads_to_the_body_that_holds_it(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("enter", "slash", *"ItemId", "enter")
        await shown.shows("0 in the request, 1 in the reply")
        await shown.shows("[Reply]")
        await shown.shows("▸ <t:ItemId")


async def test_each_part_is_where_it_was_left(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.press("enter", "tab", "down", "down", "down")
        await shown.shows("  ▸ <m:FindItem Traversal")
        await shown.press("tab", "shift+tab")
        await shown.shows("  ▸ <m:FindItem Traversal")


async def test_both_bodies_are_side_by_side_where_there_is_room(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket, size=(120, 40)) as shown:
        await shown.press("3")
        await shown.shows("09:05:00 FindItem")
        await shown.shows("POST https://mail.corp.example/EWS/Exchange.asmx")
        await shown.press("enter", "tab")
        await shown.shows("<m:FindItemResponse>")
        assert "<m:FindItem Traversal" in shown.grid()
        await shown.shows(" Request  XML ")
        await shown.shows("[Request]")
        await shown.press("tab", "slash", *"Start", "enter")
        await shown.shows("2 in the reply")
        await shown.shows("[Reply]")
        await shown.press("enter")
        await shown.shows("<t:CalendarItem> … 2 lines … </t:CalendarItem>")
        await shown.press("tab")
        await shown.shows("X-FEServer: EXCHANGE01")


async def test_where_there_is_no_room_nothing_of_the_bodies_is_left(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket, size=(120, 40)) as shown:
        await shown.press("3")
        await shown.shows("300 kept")
        await shown.press("enter", "tab")
        await shown.shows("<m:FindItemResponse")
        await shown.pilot.resize_terminal(60, 15)
        await shown.shows("enlarge it")
        await shown.eventually(lambda: not "".join(shown.grid().splitlines()[2:]).strip(), shown.grid)
        await shown.pilot.resize_terminal(120, 40)
        await shown.shows("<m:FindItemResponse")
        await shown.pilot.resize_terminal(80, 24)
        await shown.shows("[Request]")
        await shown.eventually(lambda: "<m:FindItemResponse" not in shown.grid())


async def test_a_body_that_was_cut_off_says_so_and_is_shown_to_its_end(tmp_path: Path) -> None:
    large = "<a>" + "<b>text</b>" * 90_000
    exchanges = [kept(1, response=large, received=5_000_000)]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:00:01  FindItem")
        await shown.press("enter", "tab", "tab")
        await shown.shows("Reply  XML  5.0 MB  ✗ cut off: the first 990 kB were kept")
        await shown.press("end")
        await shown.shows("▸ <b>text</b>")
        assert "more ↓" not in shown.grid()
        await shown.press("home")
        await shown.shows("… 89,982 more ↓")


async def test_quitting_while_a_large_body_is_laid_out_is_no_error(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, [kept(1, response="<a>" + "<b>text</b>" * 90_000)]) as logged:
        async with terminal(logged.socket) as shown:
            await shown.press("3")
            await shown.shows("09:00:01  FindItem")
            await shown.press("enter", "tab", "tab")
            await shown.shows("<b>text</b>")
        assert shown.app.crash is None


async def test_neighbours_of_the_list_the_user_and_the_operation(tmp_path: Path) -> None:
    exchanges = [kept(1), kept(2, operation="GetItem"), kept(3), kept(9, mailbox="user1@corp.example")]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:00:09  FindItem")
        await shown.press("up", "enter")
        await shown.shows("Log › 09:00:03 ")
        for keys, second in (
            (("left_square_bracket",), 2),
            (("O",), 2),
            (("left_square_bracket",), 1),
            (("u",), 9),
            (("U",), 1),
            (("o",), 3),
        ):
            await shown.press(*keys)
            await shown.shows(f"Log › 09:00:0{second} ")
        await shown.press("right_square_bracket", "right_square_bracket")
        await shown.shows("There are no more.")


async def test_times_and_marks_lead_to_places(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(1500)) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:25:00  FindItem")
        await shown.press("m", "t", *"2026-03-02T09:03:20", "enter")
        await shown.shows("▸ 09:03:20")
        await shown.shows("stopped")
        await shown.press("m", "t", *"nonsense", "enter")
        await shown.shows("Not a time")
        await shown.press("escape", "n")
        await shown.shows("* 09:25:00")
        await shown.press("n")
        await shown.shows("* 09:03:20")


async def test_two_exchanges_are_compared(tmp_path: Path) -> None:
    answers = [f"<a><b>same</b><c>{text}</c></a>" for text in ("first", "second")]
    exchanges = [kept(number, response=text) for number, text in enumerate(answers, 1)]
    async with logged_engine(tmp_path, [*exchanges, kept(3)]) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("09:00:03  FindItem")
        await shown.press("up", "equals_sign")
        await shown.shows(" - <c>first</c>")
        assert " + <c>second</c>" in shown.grid()
        assert "Request   equal" in shown.grid()
        await shown.press("escape", "down", "m", "up", "up", "enter", "equals_sign")
        await shown.shows(" - <c>first</c>")
        assert "<c>second</c>" not in shown.grid()
        assert " + 2026-03-02 09:00:03" in shown.grid()


@pytest.mark.process
async def test_an_entry_is_shown_in_the_pager_where_programs_may_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "paged"
    monkeypatch.setenv("PAGER", f"tee {output}")
    async with logged_engine(tmp_path, some_exchanges()) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        monkeypatch.setattr(shown.app, "suspend", nullcontext)
        await shown.press("enter", "tab")
        await shown.shows("<m:FindItem")
        await shown.press("P")
        await shown.eventually(lambda: "<m:FindItem" in text_of(output))
        shown.app.starts_programs = False
        await shown.press("P")
        await shown.shows("No other program may be started here")
        shown.app.starts_programs = True
        monkeypatch.setenv("PAGER", str(tmp_path / "nothing"))
        await shown.press("P")
        await shown.shows("The pager cannot be run")


async def test_capturing_is_switched_on_for_a_mailbox_and_a_time(tmp_path: Path) -> None:
    async with logged_engine(tmp_path, some_exchanges(), ews=False) as logged, terminal(logged.socket) as shown:
        await open_log(shown)
        await shown.shows("· not capturing. C starts.")
        await shown.press("C", *"anna@corp.example", "tab", *["backspace"] * 3, *"soon")
        await shown.shows(" Mailboxes   anna@corp.example")
        await shown.shows(" 15m, 2h or 1d; empty until stopped")
        await shown.press("enter")
        await shown.shows("soon is not a duration")
        await shown.press(*["backspace"] * 4, *"2h", "tab", *["backspace"] * 4, *"tea", "enter")
        await shown.shows("tea is not a side: write both, exchange or pbx.")
        await shown.press(*["backspace"] * 3, *"pbx", "enter")
        await shown.shows("● capturing anna@corp.example, only the PBX until 11")
        assert (logged.capture.on, logged.capture.pbx.on) == (False, True)
        await shown.press("C", "ctrl+o")
        await shown.shows("· not capturing")
        assert not logged.capture.pbx.on


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
        await shown.shows("har to  calendar-log-")
        await shown.press("ctrl+u", *"mine.har", "enter")
        await shown.shows("3 entries, ")
        assert str(tmp_path / "mine.har") in "".join(shown.grid().split())
        await shown.press("w", "ctrl+u", *"mine.har", "enter")
        await shown.shows("exists: choose another name.")
        await shown.press("escape", "W", "enter")
        await shown.eventually(lambda: len(found(tmp_path, "calendar-log-*.zip")) == 1, shown.grid)
        await shown.shows("3 entries, ")
        har = tmp_path / "mine.har"
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
        await shown.shows("✗ no right to read")
        assert "User Number 4" not in shown.grid()


async def test_a_failure_of_the_log_is_said_and_the_view_lives_on(tmp_path: Path) -> None:
    exchanges = [failed(1, "ErrorMailboxMoveInProgress")]
    async with logged_engine(tmp_path, exchanges) as logged, terminal(logged.socket) as shown:
        await shown.press("3")
        await shown.shows("✗ mailbox moved")
        await shown.press("enter")
        await shown.shows("Log › 09:00:01 FindItem")
        main = shown.line_view("main")
        main.post_message(LineView.Chosen(main, "99"))
        await shown.shows("lists those kept")
        await shown.press("escape")
        await shown.shows("✗ mailbox moved")
