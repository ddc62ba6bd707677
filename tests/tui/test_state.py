"""Tests of the content of the screens, without a screen."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from calendar_tui.commands import registry
from calendar_tui.documents.frame import banner, footer, header
from calendar_tui.documents.users import UserLines
from calendar_tui.model import LastHour, Model, Query, UserTable, sparkline
from engine.api.schema import (
    Acknowledged,
    AppointmentAccount,
    ChangeEvent,
    DecisionAccount,
    LinkState,
    PlannedPresence,
    RecentChanges,
    Shown,
    Snapshot,
    Status,
    StatusEvent,
    Subscription,
    Trouble,
    UserDetail,
    UserRow,
    UsersEvent,
)
from engine.documents.columns import columns
from engine.documents.quantities import age
from engine.documents.user import CHART, timeline

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUSY = Shown(activity="busy", note="Busy")
FREE = Shown(activity="available", note="")
REFUSED = Trouble(
    type="login-refused",
    title="Exchange refuses the log-in",
    detail="svc@corp.example",
    remedy="Check user and password.",
    fault="credentials",
    scope="the whole service",
)


@dataclass
class Wall:
    """The clock on the wall of this machine."""

    at: datetime = NINE

    def now(self) -> datetime:
        return self.at


def row(number: int, name: str = "", **more: object) -> UserRow:
    usual = UserRow(
        guid=f"{number:032x}",
        name=f"user{number}",
        display_name=name or f"User {number}",
        mailbox=None,
        activity="busy",
        note="",
        state="current",
    )
    return replace(usual, **more)


def change(number: int, at: datetime, kind: str = "confirmed") -> ChangeEvent:
    event = ChangeEvent(number=number, at=at, kind="confirmed", guid="a", label="Anna", presence=BUSY)
    return replace(event, kind=kind)


def status(**more: object) -> Status:
    usual = Status(
        version="1",
        now=NINE,
        started=NINE,
        timezone="Europe/Berlin",
        links=(LinkState(name="PBX", works=True, since=NINE), LinkState(name="Exchange", works=True, since=NINE)),
        users=3,
        resolved=3,
        watched=3,
        unread=0,
        unresolved=0,
        refused=0,
        oldest_reading=None,
        staleness=None,
        concerns=(),
    )
    return replace(usual, **more)


def test_the_last_hour_is_sixty_minutes() -> None:
    hour = LastHour()
    for minute in range(120):
        hour.note(change(minute, NINE + minute * MINUTE))
    hour.note(change(200, NINE + 119 * MINUTE, "link trouble"))
    assert hour.changes(NINE + 119 * MINUTE) == (1,) * 60
    assert hour.errors(NINE + 119 * MINUTE)[-1] == sum(hour.errors(NINE + 119 * MINUTE)) == 1
    assert sum(hour.changes(NINE + 300 * MINUTE)) == 0


@pytest.mark.slow
@given(st.lists(st.integers(0, 1000), min_size=60, max_size=60), st.integers(1, 80))
def test_a_sparkline_has_a_bar_wherever_something_was(counts: list[int], width: int) -> None:
    bars = sparkline(tuple(counts), width)
    assert len(bars) <= width
    assert bars.strip() == "" if not any(counts) else "█" in bars
    assert bars.count(" ") <= counts.count(0)


names = st.text("abÄö ", min_size=1, max_size=6)
rows = st.lists(st.tuples(st.integers(0, 30), names, st.sampled_from(["current", "problem"])), max_size=40)


@pytest.mark.slow
@given(rows, rows, st.sets(st.integers(0, 30)), names, st.booleans(), st.booleans())
def test_a_list_kept_up_to_date_is_the_list_made_anew(
    first: list[tuple[int, str, str]],
    later: list[tuple[int, str, str]],
    gone: set[int],
    words: str,
    errors_only: bool,
    descending: bool,
) -> None:
    query = Query(words=words, errors_only=errors_only, descending=descending)
    kept = UserTable()
    kept.replace([row(number, name, state=state) for number, name, state in first])
    kept.chosen(query)
    kept.update([row(number, name, state=state) for number, name, state in later], [f"{n:032x}" for n in gone])
    rebuilt = UserTable()
    rebuilt.replace(kept.rows.values())
    chosen = kept.chosen(query)
    labels = [kept.rows[guid].display_name.casefold() for guid in chosen]
    assert labels == [rebuilt.rows[guid].display_name.casefold() for guid in rebuilt.chosen(query)]
    assert labels == sorted(labels, reverse=descending)
    assert all(not errors_only or kept.rows[guid].state == "problem" for guid in chosen)
    assert not {f"{n:032x}" for n in gone} & set(chosen)


def test_lines_know_where_a_user_is() -> None:
    model = Model(lambda: NINE)
    model.take(UsersEvent(number=1, users=tuple(row(number) for number in range(20)), gone=()))
    lines = UserLines(model, Query(words="user 1"))
    assert [lines.position(guid) for guid in lines.guids] == list(range(len(lines)))
    assert lines.position("nobody") is None


def test_a_change_that_is_known_already_counts_once() -> None:
    model = Model(lambda: NINE)
    model.recall(RecentChanges(changes=(change(2, NINE), change(1, NINE))))
    for number in (2, 3):
        model.take(change(number, NINE + MINUTE))
    assert [each.number for each in model.changes] == [3, 2, 1]
    assert model.now == NINE + MINUTE


def test_how_old_the_picture_is() -> None:
    real = Wall()
    model = Model(real.now)
    model.take(StatusEvent(number=1, status=status()))
    model.attach(Path("engine.sock"))
    real.at += 60 * MINUTE  # in which nothing happened
    model.lose(ConnectionError("gone"), timedelta(seconds=20))
    real.at += timedelta(seconds=12)
    text = "\n".join(line.text for line in banner(model, 80))
    assert "Data is 12 s old." in text
    assert [age(seconds) for seconds in (0, 119, 120, 7200, 200_000)] == ["0 s", "119 s", "2 min", "2 h", "55 h"]


def test_the_time_of_the_engine_goes_on_between_what_it_tells() -> None:
    real = Wall(NINE + timedelta(days=200))
    model = Model(real.now)
    model.take(StatusEvent(number=1, status=status(now=NINE)))
    real.at += 3 * MINUTE
    assert model.now == NINE + 3 * MINUTE
    model.take(change(1, NINE + 2 * MINUTE))
    assert model.now == NINE + 3 * MINUTE
    model.take(change(2, NINE + 30 * MINUTE))
    assert model.now == NINE + 30 * MINUTE


def test_another_engine_has_another_time() -> None:
    model = Model(lambda: NINE)
    model.take(StatusEvent(number=1, status=status(now=NINE + 60 * MINUTE)))
    model.take(Snapshot(boot="b", status=status(now=NINE), users=None, operations=None))
    assert model.now == NINE


def badge(width: int = 80, *, writes: bool = True, pbx: str = "headquarters", **more: object) -> str:
    """What stands behind the tabs."""
    model = Model(lambda: NINE)
    model.may_change = writes
    model.take(StatusEvent(number=1, status=status(pbx=pbx, **more)))
    model.attach(Path("engine.sock"))
    [shown] = header(model, ("overview", "users", "log", "settings", "day"), "users", width, brackets=False)
    assert columns(shown.text) == width - 1
    return shown.text.rpartition("  ")[2]


def test_the_badge_names_the_pbx_and_what_is_more_severe_comes_before_it() -> None:
    until = NINE + timedelta(seconds=43)
    down = (LinkState(name="PBX", works=False, since=NINE, trouble=REFUSED),)
    assert badge() == "✓ headquarters"
    assert badge(links=down) == "✗ headquarters"
    assert badge(pbx="") == "✓ engine"
    assert badge(writes=False) == "read only"
    assert badge(dry_run=True) == "DRY RUN ✓ headquarters"
    assert badge(confirm_until=until) == "trial 43 s · K keep it"
    assert badge(confirm_until=until, writes=False) == "trial 43 s"
    assert badge(confirm_until=until, dry_run=True) == "DRY RUN trial 43 s"
    assert badge(100, pbx="a very long name of a PBX") == "✓ a very long name of a…"
    assert badge(62, dry_run=True) == "DRY RUN"


@pytest.mark.parametrize("width", range(36, 60))
def test_a_message_takes_the_place_of_the_keys_of_the_view_alone_and_is_never_cut(width: int) -> None:
    said = "The settings cannot be written. Give the account of the engine the right to write that file."
    *rows, last = [line.text for line in footer(registry.in_view("users"), said, width)]
    keys = " Esc back  ^P more  ? help "
    assert last.endswith(keys)
    assert " ".join(text.strip() for text in (*rows, last.removesuffix(keys))).strip() == said
    assert {len(last), *map(len, rows)} <= set(range(width + 1))


def detail(*appointments: tuple[datetime, datetime, str], day: tuple[PlannedPresence, ...] = ()) -> UserDetail:
    accounts = tuple(
        AppointmentAccount(
            id=str(number),
            subject="",
            hidden="private",
            start=start,
            end=end,
            all_day=False,
            kind=kind,
            target="busy",
            outcome="active",
            rule="",
            rival=None,
            oddities=(),
            words="active",
        )
        for number, (start, end, kind) in enumerate(appointments)
    )
    return UserDetail(
        guid="a",
        name="anna",
        display_name="Anna",
        home="",
        node="",
        template="",
        groups=(),
        hidden=False,
        addresses=(),
        candidates=(),
        mailbox=None,
        subscription=Subscription(watched=False, connection="", since=None, why_not=""),
        last_read=NINE,
        next_read=None,
        read_from=None,
        read_until=None,
        state="current",
        acknowledged=Acknowledged(presence=BUSY, expires=None, in_doubt=False),
        decision=DecisionAccount(presence=BUSY, valid_until=None, appointments=accounts),
        day_begins=NINE.replace(hour=0),
        day=day,
        problems=(),
        history=(),
    )


def test_the_day_as_bars() -> None:
    ten, eleven, noon = (NINE + hours * timedelta(hours=1) for hours in (1, 2, 3))
    user = detail(
        (NINE, ten, "busy"),
        (ten, eleven, "oof"),
        (NINE, noon, "tentative"),
        day=(
            PlannedPresence(begins=NINE.replace(hour=0), presence=FREE),
            PlannedPresence(begins=NINE, presence=BUSY),
            PlannedPresence(begins=eleven, presence=FREE),
        ),
    )
    assert [line.text.rstrip() for line in timeline(user, ten, UTC, 80)] == [
        " " * (CHART + 10) + "▼",
        " " * CHART + "08   09   10   11   12   13   14   15   16   17",
        " calendar       █████▓▓▓▓▓▒▒▒▒▒",
        " presence       ●●●●●●●●●●",
    ]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(-600, 2000), st.integers(1, 900)), max_size=8),
    st.integers(60, 200),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.sampled_from([date(2026, 3, 2), date(2026, 3, 29), date(2026, 10, 25)]),
)
def test_every_day_fits(spans: list[tuple[int, int]], width: int, zone_name: str, day: date) -> None:
    zone = ZoneInfo(zone_name)
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    appointments = [
        (midnight + start * MINUTE, midnight + (start + length) * MINUTE, "busy") for start, length in spans
    ]
    user = replace(detail(*appointments), day_begins=midnight)
    for line in timeline(user, midnight + 700 * MINUTE, zone, width):
        assert len(line.text) <= width
