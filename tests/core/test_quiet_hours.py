"""Quiet hours compared with asking about every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.quiet_hours import DAYS, QuietHours, canonical
from engine.core.time_zones import local_time

BERLIN = ZoneInfo("Europe/Berlin")
USUAL = QuietHours.of(("20:00-06:00", "saturday", "sunday"))
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-30 12:00", None),
        ("2026-11-30 19:59", None),
        ("2026-11-30 20:00", "2026-12-01 06:00"),
        ("2026-12-01 05:59", "2026-12-01 06:00"),
        ("2026-12-01 06:00", None),
        ("2026-12-04 20:00", "2026-12-07 06:00"),  # Friday evening to Monday morning
        ("2026-12-05 12:00", "2026-12-07 06:00"),
        ("2026-03-28 12:00", "2026-03-30 06:00"),  # over the change of the clocks
    ],
)
def test_nights_and_weekends(now: str, until: str | None) -> None:
    assert USUAL.until(at(now), BERLIN) == (None if until is None else at(until))


def test_without_entries_no_hour_is_quiet() -> None:
    assert QuietHours.of(()).until(at("2026-11-30 03:00"), BERLIN) is None


def test_hours_that_are_always_quiet_last_for_eight_days() -> None:
    now = at("2026-11-30 03:00")
    assert QuietHours.of(DAYS).until(now, BERLIN) == at("2026-12-08 00:00")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("20:00-06:00", "20:00-06:00"),
        (" 6:00 - 8:30 ", "06:00-08:30"),
        ("20:00-24:00", "20:00-00:00"),
        ("Sat", "saturday"),
        ("sunday", "sunday"),
        ("su", None),
        ("sundays", None),
        ("06:00-06:00", None),
        ("00:00-24:00", None),
        ("24:30-06:00", None),
        ("20:00", None),
        ("25:00-26:00", None),
        ("20:60-21:00", None),
        ("", None),
    ],
)
def test_how_an_entry_may_be_written(written: str, read: str | None) -> None:
    assert canonical(written) == read


@given(st.text(max_size=20))
def test_what_is_written_out_stays_as_it_is(text: str) -> None:
    written = canonical(text)
    assert written is None or canonical(written) == written


ENTRIES = st.one_of(
    st.sampled_from(DAYS),
    st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda pair: canonical(f"{pair[0]}:00-{pair[1]}:00")),
).filter(bool)


@given(
    st.lists(ENTRIES, max_size=3).map(tuple),
    st.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE),
    st.sampled_from([BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_quiet_hours_are_quiet_until_their_end_and_not_there(
    entries: tuple[str, ...], now: datetime, zone: ZoneInfo
) -> None:
    quiet = QuietHours.of(entries)
    until = quiet.until(now, zone)
    if until is None:
        return
    step = timedelta(minutes=30)
    assert all(
        quiet.until(now + number * step, zone) is not None
        for number in range(int((until - now) / step))
        # An hour that comes twice is judged by the first.
        if local_time(now + number * step, zone).fold == 0
    )
    assert until - now > WEEK or quiet.until(until, zone) is None
