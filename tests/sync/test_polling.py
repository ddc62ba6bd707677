"""When calendars are read that nobody notifies of."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.core.quiet_hours import QuietHours
from engine.sync.polling import TOGETHER, PollInterval, PollSchedule

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 30, 8, tzinfo=UTC)
SCHEDULE = PollSchedule(timedelta(seconds=120), QuietHours.of(("20:00-06:00", "saturday", "sunday")), 5, BERLIN)


def instants(key: str, begin: datetime, end: datetime, schedule: PollSchedule = SCHEDULE) -> list[datetime]:
    found = [schedule.next(key, begin)]
    while (following := schedule.next(key, found[-1])) < end:
        found.append(following)
    return found


@given(st.text(), st.integers(10, 3600), st.integers(0, 10**9))
def test_a_calendar_is_due_once_in_each_interval(key: str, seconds: int, milliseconds: int) -> None:
    interval, now = timedelta(seconds=seconds), MONDAY + timedelta(milliseconds=milliseconds)
    schedule = PollSchedule(interval, QuietHours(), 5, BERLIN)
    due = schedule.next(key, now)
    assert now < due <= now + interval
    assert schedule.next(key, due) - due == interval


def test_ten_thousand_calendars_are_spread_over_the_interval() -> None:
    dues = Counter(SCHEDULE.next(f"guid-{number}", MONDAY) for number in range(10_000))
    in_seconds = Counter((due - MONDAY).seconds % 120 for due in dues.elements())
    assert len(in_seconds) == 120
    assert max(in_seconds.values()) < 140
    assert len(dues) <= 120 / TOGETHER.total_seconds(), "those due at nearly the same time are due together"


def test_nights_take_a_fifth_of_the_requests() -> None:
    day = instants("anna", MONDAY, MONDAY + timedelta(hours=10))
    night = instants("anna", MONDAY + timedelta(hours=12), MONDAY + timedelta(hours=20))
    assert (len(day), len(night)) == (300, 48)


def test_after_quiet_hours_everybody_is_read_within_an_interval() -> None:
    morning = datetime(2026, 12, 1, 5, tzinfo=UTC)  # 06:00 in Berlin
    for number in range(200):
        around = instants(f"guid-{number}", morning - timedelta(minutes=30), morning + timedelta(minutes=30))
        gaps = [after - before for before, after in pairwise(around)]
        assert any(morning < each <= morning + timedelta(seconds=120) for each in around)
        assert max(gaps) <= timedelta(seconds=600)


def test_the_interval_in_force_is_known() -> None:
    assert SCHEDULE.present(MONDAY) == PollInterval(timedelta(seconds=120))
    night = SCHEDULE.present(MONDAY + timedelta(hours=14))
    assert night == PollInterval(timedelta(seconds=600), datetime(2026, 12, 1, 5, tzinfo=UTC))
