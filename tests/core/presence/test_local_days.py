"""Tests of whole days as programs store them: in other zones, mislabelled, or ending a moment too early."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import Oddity, decide
from engine.core.presence.local_days import local_day, start_of_day
from engine.core.time_zones import LAST, ClockChange, Era, TimeZoneDefinition
from tests.core.presence.calendars import SHOWN

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
BEGINNING = datetime(2, 1, 1, tzinfo=UTC).replace(tzinfo=None)
INSTANTS = st.timedeltas(timedelta(), 2000 * DAY).map(lambda since: datetime(2024, 1, 1, tzinfo=UTC) + since)
DATES = st.dates(date(2024, 1, 1), date(2030, 12, 31))
BERLIN_BY_RULES = TimeZoneDefinition(
    (
        Era(
            BEGINNING,
            HOUR,
            (
                ClockChange(2 * HOUR, 2 * HOUR, month=3, weekday=6, occurrence=LAST),
                ClockChange(HOUR, 3 * HOUR, month=10, weekday=6, occurrence=LAST),
            ),
        ),
    )
)
EVERYWHERE = (
    *("Pacific/Midway", "America/Los_Angeles", "America/New_York", "America/St_Johns", "Europe/London", "UTC"),
    *("Europe/Berlin", "Europe/Athens", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe"),
    *("Asia/Beirut", "Africa/Cairo", "America/Havana", "America/Santiago", "Pacific/Chatham", "Pacific/Kiritimati"),
)


def z(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def days_of(
    start: datetime,
    end: datetime,
    site: str,
    told: str | None = None,
    definition: TimeZoneDefinition | None = None,
) -> tuple[str, str]:
    """Return the first and the last day that a site lives."""
    item = Appointment(
        id="1", start=start, end=end, all_day=True, show_as=ShowAs.OOF, zone=told, zone_definition=definition
    )
    zone = ZoneInfo(site)
    (reason,) = decide([item], replace(SHOWN, timezone=zone), start).reasons
    first, after = local_day(reason.start, zone), local_day(reason.end, zone)
    assert (reason.start, reason.end) == (start_of_day(first, zone), start_of_day(after, zone))
    return first.isoformat()[5:], (after - DAY).isoformat()[5:]


@pytest.mark.parametrize("told", ["Etc/UTC", "America/Los_Angeles", "Asia/Tokyo", "Mitteleuropäische Zeit", None])
def test_midnights_of_the_site_count_whatever_zone_is_told(told: str | None) -> None:
    assert days_of(z("03-03T23:00"), z("03-04T23:00"), "Europe/Berlin", told) == ("03-04", "03-04")
    assert days_of(z("03-28T23:00"), z("03-29T22:00"), "Europe/Berlin", told) == ("03-29", "03-29")
    assert days_of(z("10-24T22:00"), z("10-25T23:00"), "Europe/Berlin", told) == ("10-25", "10-25")


@pytest.mark.parametrize("site", ["Europe/London", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati"])
@pytest.mark.parametrize("told", [None, "Mitteleuropäische Zeit", "Etc/UTC", "Pacific/Auckland"])
def test_a_definition_counts_for_more_than_a_name(site: str, told: str | None) -> None:
    assert days_of(z("03-03T23:00"), z("03-04T23:00"), site, told, BERLIN_BY_RULES) == ("03-04", "03-04")
    assert days_of(z("07-03T22:00"), z("07-04T22:00"), site, told, BERLIN_BY_RULES) == ("07-04", "07-04")


@pytest.mark.parametrize("site", ["Europe/London", "America/New_York", "Europe/Lisbon"])
def test_made_east_of_the_site_without_a_zone_the_nearest_midnight_is_meant(site: str) -> None:
    assert days_of(z("03-03T23:00"), z("03-04T23:00"), site) == ("03-04", "03-04")
    assert days_of(z("03-03T23:00"), z("03-06T23:00"), site) == ("03-04", "03-06")


def test_made_west_of_the_site_without_a_zone_the_nearest_midnight_is_meant() -> None:
    assert days_of(z("03-04T05:00"), z("03-05T05:00"), "Europe/Berlin") == ("03-04", "03-04")


@pytest.mark.parametrize("short", [timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=1)])
@pytest.mark.parametrize("told", ["Europe/Berlin", "Etc/UTC", "Pacific/Auckland", None])
def test_a_last_day_that_ends_a_moment_too_soon_counts(short: timedelta, told: str | None) -> None:
    assert days_of(z("03-03T23:00"), z("03-06T23:00") - short, "Europe/Berlin", told) == ("03-04", "03-06")
    assert days_of(z("03-03T23:00"), z("03-04T23:00") - short, "Europe/Berlin", told) == ("03-04", "03-04")


def test_a_moment_too_soon_counts_in_the_zone_told_as_well() -> None:
    assert days_of(z("03-04T00:00"), z("03-04T23:59"), "Pacific/Auckland", "Etc/UTC") == ("03-04", "03-04")
    assert days_of(z("03-04T05:00"), z("03-06T04:59"), "Asia/Tokyo", "America/New_York") == ("03-04", "03-05")


def test_noon_goes_forward() -> None:
    assert days_of(z("03-03T12:00"), z("03-04T12:00"), "UTC") == ("03-04", "03-04")
    assert days_of(z("03-03T11:59"), z("03-04T11:59"), "UTC") == ("03-03", "03-03")


@pytest.mark.parametrize(("start", "end"), [("09:00", "11:00"), ("13:00", "17:00"), ("09:00", "17:00")])
def test_less_than_a_day_is_the_day_that_it_is_in(start: str, end: str) -> None:
    assert days_of(z(f"03-04T{start}"), z(f"03-04T{end}"), "UTC") == ("03-04", "03-04")


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Asia/Beirut", "03-29", "03-28T22:00", "03-29T21:00"),  # midnight is skipped: the day begins at one
        ("Asia/Beirut", "03-28", "03-27T22:00", "03-28T22:00"),
        ("Africa/Cairo", "04-24", "04-23T22:00", "04-24T21:00"),
        ("America/Havana", "03-08", "03-08T05:00", "03-09T04:00"),
        ("America/Havana", "11-01", "11-01T04:00", "11-02T05:00"),  # midnight comes twice
        ("America/Havana", "11-01", "11-01T05:00", "11-02T05:00"),
        ("America/Santiago", "09-06", "09-06T04:00", "09-07T03:00"),
        ("Australia/Lord_Howe", "10-04", "10-03T13:30", "10-04T13:00"),  # half an hour
        ("Asia/Kolkata", "03-04", "03-03T18:30", "03-04T18:30"),
        ("Asia/Kathmandu", "03-04", "03-03T18:15", "03-04T18:15"),
        ("Pacific/Chatham", "03-04", "03-03T10:15", "03-04T10:15"),
    ],
)
@pytest.mark.parametrize("site", ["Europe/Berlin", "Africa/Johannesburg", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_awkward_midnights_are_midnights(zone: str, day: str, start: str, end: str, site: str) -> None:
    assert days_of(z(start), z(end), site, zone) == (day, day)
    assert days_of(z(start), z(end), zone, "Etc/UTC") == (day, day)


def test_what_is_odd_about_a_zone_is_told() -> None:
    def oddities(told: str | None, end: str = "03-04T23:00") -> tuple[Oddity, ...]:
        item = Appointment(id="1", start=z("03-03T23:00"), end=z(end), all_day=True, zone=told)
        return decide([item], SHOWN, item.start).reasons[0].oddities

    assert oddities("Europe/Berlin") == oddities(None) == ()
    assert oddities("Etc/UTC") == (Oddity.OTHER_ZONE,)
    assert oddities("Mitteleuropäische Zeit") == (Oddity.UNKNOWN_ZONE,)
    assert oddities("Europe/Berlin", "03-04T22:59") == (Oddity.NOT_WHOLE_DAYS,)


@given(
    first=DATES,
    length=st.integers(1, 20),
    made_in=st.sampled_from(EVERYWHERE),
    site=st.sampled_from(EVERYWHERE),
    short=st.sampled_from([0, 1, 1000, 60_000]),
)
def test_dates_are_the_same_wherever_they_were_made_and_are_lived(
    first: date, length: int, made_in: str, site: str, short: int
) -> None:
    zone = ZoneInfo(made_in)
    start, end = start_of_day(first, zone), start_of_day(first + length * DAY, zone)
    told = days_of(start, end - timedelta(milliseconds=short), site, made_in)
    assert told == (first.isoformat()[5:], (first + (length - 1) * DAY).isoformat()[5:])


@pytest.mark.slow
@given(
    first=DATES,
    length=st.integers(1, 20),
    site=st.sampled_from(EVERYWHERE),
    told=st.sampled_from([None, "Etc/UTC", "Nowhere"]),
)
def test_midnights_of_the_site_are_its_dates_in_no_zone_and_in_utc(
    first: date, length: int, site: str, told: str | None
) -> None:
    zone = ZoneInfo(site)
    start, end = start_of_day(first, zone), start_of_day(first + length * DAY, zone)
    assert days_of(start, end, site, told) == (first.isoformat()[5:], (first + (length - 1) * DAY).isoformat()[5:])


@given(
    start=INSTANTS,
    length=st.timedeltas(12 * HOUR, 10 * DAY),
    told=st.sampled_from([None, "Nowhere", *EVERYWHERE]),
    site=st.sampled_from(EVERYWHERE),
)
def test_any_bounds_make_whole_days_of_about_their_length(
    start: datetime, length: timedelta, told: str | None, site: str
) -> None:
    item = Appointment(id="1", start=start, end=start + length, all_day=True, zone=told)
    (reason,) = decide([item], replace(SHOWN, timezone=ZoneInfo(site)), start).reasons
    assert reason.end - reason.start >= DAY - HOUR
    assert abs((reason.end - reason.start) - length) <= DAY + HOUR


@given(INSTANTS)
def test_a_zone_by_its_rules_has_the_clock_of_the_same_zone_by_name(instant: datetime) -> None:
    assert BERLIN_BY_RULES.local(instant) == instant.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
