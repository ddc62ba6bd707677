"""Names in any script are aligned in columns, and no line is wider than the terminal."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from engine.api.schema import Concern, LinkState, Status, Trouble, UserRow
from engine.cli.terminal import AnsiPalette, room
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, wrapped
from engine.documents.status import status_document
from engine.documents.user_rows import users_document

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def printed(lines: Iterable[Line], *, colour: bool = False) -> list[str]:
    return list(AnsiPalette(colour=colour).printed(lines))


def test_what_may_be_copied_is_not_broken() -> None:
    path, command = "/etc/calendar-engine/calendar-engine.toml", "New-ManagementRoleAssignment"
    trouble = Trouble(type="x", title="Denied", detail=path, remedy=f"Type {command}.", fault="x", scope="service")
    status = Status(
        version="1",
        now=NOW,
        started=NOW,
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
        concerns=(Concern(trouble=trouble, link="PBX", count=0, users=()),),
    )
    told = "\n".join(printed(status_document(status, UTC, 20)))
    assert path in told
    assert command in told


def test_a_word_that_was_broken_for_a_screen_is_printed_as_a_whole() -> None:
    text = f"of {'a' * 50} it"
    lines = wrapped(text, 20, "  ")
    assert max(columns(line.text) for line in lines) == 20
    assert " ".join(" ".join(printed(lines)).split()) == text


def test_a_line_ends_where_its_text_ends_and_a_colour_with_its_part() -> None:
    line = Line((Span("busy", Role.BUSY), Span(" all day"), Span("  ", Role.NOTICE)))
    assert printed([line, Line()], colour=True) == ["\x1b[33mbusy\x1b[0m all day", ""]
    assert printed([line, Line()]) == ["busy all day", ""]


def test_users_of_any_script_stand_in_columns() -> None:
    names = ("Anna", "王小明", "Zoe\u0308 van Dijk", "山田太郎山田太郎山田太郎山田太郎")
    lines = printed(users_document([_row(name) for name in names], UTC, NOW, 80))[1:]
    assert len({columns(line.partition("Busy")[0]) for line in lines}) == 1
    assert {columns(line) for line in lines} == {71}


def _row(name: str) -> UserRow:
    note = "Busy: " + "会議" * 40
    return UserRow(
        guid="0",
        name="x",
        display_name=name,
        mailbox=None,
        activity="busy",
        note=note,
        state="current",
        until=NOW.replace(hour=10),
    )


def test_only_a_terminal_has_an_end_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    row = _row("Anna")
    [heads, line] = printed(users_document([row], UTC, NOW, room()))
    assert row.note in line
    assert columns(heads.partition("until")[0]) == columns(line.partition("10:00")[0])
