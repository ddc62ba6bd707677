"""The chart of a day: where bars lie, which one is in front, and that nothing of an appointment is lost."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema import Shown, UserRow
from engine.api.schema.days import CalendarBar, DaysPage, Kind, PresenceBar, UserDay
from engine.documents.columns import columns
from engine.documents.day import CHART, compact_row, day_document, legend, scrolled, user_rows
from engine.documents.lines import UNLIMITED

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 11, 30, tzinfo=BERLIN).astimezone(UTC)
NOW = MIDNIGHT + timedelta(hours=10, minutes=26)


def at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return MIDNIGHT + timedelta(hours=hour, minutes=minute)


def calendar(begins: str, ends: str, kind: Kind = "busy") -> CalendarBar:
    return CalendarBar(begins=at(begins), ends=at(ends), kind=kind)


def row(name: str, **more: object) -> UserRow:
    usual = {"activity": "busy", "note": "", "state": "current", "until": at("10:45"), "mailbox": None}
    return UserRow(guid=name, name=name.lower(), display_name=name, **(usual | more))  # type: ignore[arg-type]


def day_of(user: UserRow, *bars: CalendarBar, known_from: str = "0:00") -> UserDay:
    presence = tuple(
        PresenceBar(begins=bar.begins, ends=bar.ends, activity="busy") for bar in bars if bar.kind == "busy"
    )
    return UserDay(
        user=user, known_from=at(known_from), known_until=MIDNIGHT + timedelta(days=2), calendar=bars, presence=presence
    )


ANNA = day_of(
    row("Anna Müller"), calendar("9:25", "9:45", "tentative"), calendar("9:45", "10:45"), calendar("14:00", "15:00")
)
EMPFANG = UserDay(
    user=row("Empfang", state="problem", activity=None, until=None, problem_title="No mailbox"),
    known_from=None,
    known_until=None,
    calendar=(),
    presence=(),
)


def page(*days: UserDay) -> DaysPage:
    return DaysPage(
        date=date(2026, 11, 30),
        begins=MIDNIGHT,
        ends=MIDNIGHT + timedelta(days=1),
        timezone="Europe/Berlin",
        total=len(days),
        page=1,
        per_page=100,
        days=days,
    )


def test_a_day_is_drawn_as_designed() -> None:
    assert [line.text.rstrip() for line in day_document(page(ANNA, EMPFANG), NOW, 80)] == [
        " 2 users · Monday 30 November",
        "                   07   08   09   10   11   12   13   14   15   16   17   18",
        "                                    ▼",
        " Anna Müller                   ▒██████                █████",
        " ● busy      10:45              ●●●●●●                ●●●●●",
        " Empfang                            ┊",
        " ✗ No mailbox                       ┊",
        "",
        " █ busy  ▒ tentative  ▓ out of office  ░ elsewhere  ─ free  ? no data  ┊ now",
    ]
    assert columns(legend().text) <= 80


def test_early_and_late_appointments_have_their_hours() -> None:
    night = day_of(row("Night"), calendar("3:30", "4:00"), calendar("22:00", "23:30"))
    narrow = [line.text for line in day_document(page(night), NOW, 80)]
    assert narrow[1].split()[0] == "04"  # every other hour: 03 has the cells before it
    assert narrow[3].count("█") == 1 + 3
    text = [line.text for line in day_document(page(night), NOW, UNLIMITED)]
    assert text[3].count("█") == 4 + 12


def test_what_was_not_read_is_marked_and_what_is_awaited_is_blank() -> None:
    scale = scrolled(MIDNIGHT, BERLIN, 7, 80)
    known, shown = user_rows(
        ANNA.user, day_of(ANNA.user, calendar("9:45", "10:45"), known_from="9:00"), scale, NOW, BERLIN
    )
    assert known.text[CHART:].startswith("??????????   ")
    assert shown.text[CHART:].startswith("??????????   ")
    assert user_rows(ANNA.user, None, scale, NOW, BERLIN)[0].text[CHART:].strip() == "┊"


def test_a_dry_run_says_would_and_another_day_says_nothing_of_now() -> None:
    scale = scrolled(MIDNIGHT, BERLIN, 7, 80)
    would = row("Anna", state="withheld", withheld=Shown(activity="away", note=""))
    assert user_rows(would, None, scale, NOW, BERLIN)[1].text.startswith(" would ◐ away ")
    tomorrow = scrolled(MIDNIGHT + timedelta(days=1), BERLIN, 7, 80)
    assert user_rows(would, None, tomorrow, NOW, BERLIN)[1].text.strip() == ""


def test_of_a_user_of_another_node_it_is_said_who_has_the_calendar() -> None:
    scale = scrolled(MIDNIGHT, BERLIN, 7, 80)
    first, second = user_rows(row("Ben", owner="b"), None, scale, NOW, BERLIN)
    assert first.text == " Ben               node b has the calendar"
    assert second.text.split() == ["●", "busy", "10:45"]
    assert compact_row(row("Ben", owner=""), None, scale, NOW).text == " Ben               no node has the calendar"


def test_compact_is_one_line_of_the_presence() -> None:
    scale = scrolled(MIDNIGHT, BERLIN, 7, 80)
    assert compact_row(ANNA.user, ANNA, scale, NOW).text.rstrip() == (
        " Anna Müller                    ●●●●●●                ●●●●●"
    )


@pytest.mark.property
@given(st.integers(0, 1439), st.integers(1, 600), st.integers(40, 200), st.integers(0, 23))
def test_no_appointment_in_sight_is_without_a_cell(minute: int, length: int, width: int, hour: int) -> None:
    begins = MIDNIGHT + timedelta(minutes=minute)
    bar = CalendarBar(begins=begins, ends=begins + timedelta(minutes=length), kind="busy")
    scale = scrolled(MIDNIGHT, BERLIN, hour, width)
    calendar_row, presence_row = user_rows(ANNA.user, day_of(ANNA.user, bar), scale, NOW, BERLIN)
    in_sight = bar.begins < scale.first + scale.cells * scale.length and bar.ends > scale.first
    assert ("█" in calendar_row.text) is in_sight
    assert presence_row.text.count("●") - 1 == calendar_row.text.count("█")
    assert columns(calendar_row.text) == columns(presence_row.text) == CHART + scale.cells <= max(width, CHART)
