"""Names of any script stand in columns, and no line is wider than the terminal."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema import LinkState, Status, Trouble, UserRow, UsersPage
from engine.cli.reports import StatusReports
from engine.cli.terminal import AnsiPalette, columns, cut, fitted


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("Anna", 4),
        ("Zoe\u0308", 3),
        ("王小明", 6),
        ("ｱﾝﾅ", 3),
        ("ミュラー", 8),
        ("🚀", 2),
        ("\x1b[33mbusy\x1b[0m", 4),
    ],
)
def test_the_width_of_a_text(text: str, width: int) -> None:
    assert columns(text) == width


@given(st.text(), st.integers(1, 40))
def test_what_is_fitted_is_as_wide_as_it_should_be(text: str, width: int) -> None:
    assert columns(fitted(text, width)) == width
    assert columns(cut(text, width, "…")) <= width


def test_what_may_be_copied_is_not_broken() -> None:
    path, command = "/etc/calendar-engine/calendar-engine.toml", "New-ManagementRoleAssignment"
    trouble = Trouble(type="x", title="Denied", detail=path, remedy=f"Type {command}.", fault="x", scope="service")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    status = Status(
        version="1",
        now=now,
        started=now,
        timezone="UTC",
        links=(LinkState(name="PBX", works=False, since=None, retry_at=None, trouble=trouble),),
        users=0,
        resolved=0,
        watched=0,
        unread=0,
        unresolved=0,
        refused=0,
        oldest_reading=None,
        staleness=None,
        concerns=(),
    )
    told = "\n".join(
        StatusReports(AnsiPalette(colour=False, ascii_only=False), ZoneInfo("UTC"), width=20).status(status)
    )
    assert path in told
    assert command in told


def test_a_colour_ends_where_a_line_is_cut() -> None:
    assert cut("\x1b[33mbusy\x1b[0m all day", 3, "…") == "\x1b[33mbu\x1b[0m…"


def test_users_of_any_script_stand_in_columns() -> None:
    names = ("Anna", "王小明", "Zoe\u0308 van Dijk", "山田太郎山田太郎山田太郎山田太郎")
    rows = tuple(_row(name) for name in names)
    page = UsersPage(total=4, page=1, per_page=4, users=rows)
    reports = StatusReports(AnsiPalette(colour=False, ascii_only=False), ZoneInfo("UTC"), width=60)
    lines = list(reports.users(page))
    assert len({columns(line.partition("Busy")[0]) for line in lines}) == 1
    assert all(columns(line) in (59, 60) for line in lines)


def _row(name: str) -> UserRow:
    note = "Busy: " + "会議" * 40
    return UserRow(guid="0", name="x", display_name=name, mailbox=None, activity="busy", note=note, state="current")


def test_only_a_terminal_has_an_end_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    row = _row("Anna")
    page = UsersPage(total=1, page=1, per_page=1, users=(row,))
    [line] = StatusReports(AnsiPalette(colour=False, ascii_only=False), ZoneInfo("UTC")).users(page)
    assert line.endswith(row.note)
