"""All-day appointments are dates of their own zone, applied in the presence time zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Appointment
from engine.core.presence import CLEARED, AppointmentOutcome, Oddity, PresenceSettings, decide
from engine.core.presence.local_days import local_day, start_of_day
from tests.core.presence.calendars import BERLIN, SHOWN, appointment, at, days

NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")


def lived(one: Appointment, settings: PresenceSettings = SHOWN) -> tuple[datetime, datetime]:
    reason = decide([one], settings, at("10:00")).reasons[0]
    return reason.start, reason.end


@pytest.mark.parametrize("made_in", [BERLIN, NEW_YORK, TOKYO, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("UTC")])
def test_a_day_is_the_same_date_wherever_it_was_made(made_in: ZoneInfo) -> None:
    vacation = days("2026-03-04", "2026-03-05", zone=made_in)
    assert lived(vacation) == (at("2026-03-04 00:00"), at("2026-03-05 00:00"))
    assert decide([vacation], SHOWN, at("00:00")).presence.note == "Away: Vacation, all day"


def test_without_a_zone_the_dates_are_those_of_the_presence_time_zone() -> None:
    vacation = Appointment(id="1", start=at("00:00"), end=at("2026-03-06 00:00"), all_day=True)
    assert lived(vacation) == (vacation.start, vacation.end)
    there = replace(SHOWN, timezone=NEW_YORK)
    assert lived(vacation, there) == (at("2026-03-04 00:00", NEW_YORK), at("2026-03-06 00:00", NEW_YORK))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "Europe", "W. Europe Standard Time", "\x00"])
def test_an_unknown_zone_is_taken_as_the_presence_time_zone(name: str) -> None:
    vacation = Appointment(id="1", start=at("00:00"), end=at("2026-03-05 00:00"), all_day=True, zone=name)
    reason = decide([vacation], SHOWN, at("10:00")).reasons[0]
    assert (reason.start, reason.end) == (vacation.start, vacation.end)
    assert reason.oddities == (Oddity.UNKNOWN_ZONE,)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_whole_days_without_a_length_never_count(zone: str | None) -> None:
    nothing = Appointment(id="1", start=at("00:00"), end=at("00:00"), all_day=True, zone=zone)
    decision = decide([nothing], SHOWN, at("10:00"))
    assert decision.presence == CLEARED
    assert decision.reasons[0].outcome is AppointmentOutcome.WITHOUT_DURATION


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-04", 24)])
def test_a_day_with_a_clock_change_has_another_length(day: str, hours: int) -> None:
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    start, end = lived(days(day, after, zone=TOKYO))
    assert end - start == timedelta(hours=hours)


def test_bounds_that_are_no_midnights_count_as_the_days_they_are_in_and_are_odd() -> None:
    workshop = appointment("09:00", "17:00", all_day=True)
    reason = decide([workshop], SHOWN, at("10:00")).reasons[0]
    assert (reason.start, reason.end) == (at("00:00"), at("2026-03-05 00:00"))
    assert reason.oddities == (Oddity.NOT_WHOLE_DAYS,)


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC)),  # midnight is skipped
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),  # midnight comes twice
        ("Pacific/Apia", date(2011, 12, 31), datetime(2011, 12, 30, 10, tzinfo=UTC)),  # the day before never was
        ("America/St_Johns", date(2010, 11, 7), datetime(2010, 11, 7, 2, 30, tzinfo=UTC)),  # back across midnight
        (
            "America/Toronto",
            date(1919, 3, 31),
            datetime(1919, 3, 31, 5, tzinfo=UTC),
        ),  # from 23:30 to half past midnight
    ],
)
def test_a_day_begins_once_whatever_the_clocks_do(zone: str, day: date, begins: datetime) -> None:
    where = ZoneInfo(zone)
    instant = timedelta(microseconds=1)
    assert start_of_day(day, where) == begins
    assert local_day(begins, where) == day
    assert local_day(begins - instant, where) < day
    assert all(local_day(begins + timedelta(minutes=minute), where) == day for minute in range(22 * 60))


def test_a_day_that_a_time_zone_left_out_never_counts() -> None:
    apia = replace(SHOWN, timezone=ZoneInfo("Pacific/Apia"))
    lost = days("2011-12-30", "2011-12-31", zone=ZoneInfo("UTC"))
    decision = decide([lost], apia, datetime(2011, 12, 29, 12, tzinfo=UTC))
    assert (decision.presence.note, decision.valid_until) == ("", None)
