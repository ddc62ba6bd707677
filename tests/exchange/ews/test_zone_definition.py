"""Time zone definitions have the local time of their zone, and invalid ones are rejected."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from engine.core.presence.local_days import FIRST_INSTANT, LAST_INSTANT
from engine.core.time_zones import TimeZoneDefinition
from engine.exchange.ews.find_item import found_items
from engine.exchange.ews.safe_xml import parse
from engine.exchange.ews.soap import response_messages
from engine.exchange.ews.time_zones import zone_definition
from engine.simulator.exchange.items import time_zone
from tests.exchange.ews.schema import violations
from tests.exchange.ews.wire import found, item

NAMED = b'<t:StartTimeZone Id="W. Europe Standard Time" Name="somewhere"/>'
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu", "UTC"),
    *("Australia/Lord_Howe", "Pacific/Chatham", "America/Havana", "Asia/Beirut", "America/St_Johns"),
    *("Europe/London", "Australia/Sydney", "America/Sao_Paulo", "Pacific/Kiritimati", "Pacific/Marquesas"),
)
GERMAN = """<t:StartTimeZone Id="Mitteleuropäische Zeit" Name="(UTC+01:00) Berlin"><t:Periods>
<t:Period Bias="-PT60M" Name="Standard" Id="Std"/><t:Period Bias="-P0DT2H0M0.0S" Name="Daylight" Id="Dlt/1"/>
</t:Periods><t:TransitionsGroups><t:TransitionsGroup Id="0">
<t:RecurringDayTransition><t:To Kind="Period">Dlt/1</t:To><t:TimeOffset>PT2H</t:TimeOffset><t:Month>3</t:Month>
<t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition>
<t:RecurringDayTransition><t:To Kind="Period">Std</t:To><t:TimeOffset>PT3H</t:TimeOffset><t:Month>10</t:Month>
<t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>5</t:Occurrence></t:RecurringDayTransition>
</t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition>
</t:Transitions></t:StartTimeZone>"""
BY_DATES = """<t:StartTimeZone Id="x"><t:Periods><t:Period Bias="-PT3H" Id="w"/><t:Period Bias="-PT4H" Id="s"/>
<t:Period Bias="PT0S" Id="u"/></t:Periods><t:TransitionsGroups><t:TransitionsGroup Id="dates">
<t:RecurringDateTransition><t:To Kind="Period">s</t:To><t:TimeOffset>PT0S</t:TimeOffset><t:Month>4</t:Month>
<t:Day>1</t:Day></t:RecurringDateTransition><t:RecurringDateTransition><t:To Kind="Period">w</t:To>
<t:TimeOffset>PT23H59M</t:TimeOffset><t:Month>9</t:Month><t:Day>30</t:Day></t:RecurringDateTransition>
</t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">dates</t:To></t:Transition>
<t:AbsoluteDateTransition><t:To Kind="Period">u</t:To><t:DateTime>2026-05-01T00:00:00</t:DateTime>
</t:AbsoluteDateTransition></t:Transitions></t:StartTimeZone>"""
MEETING_TIME_ZONE = """<t:MeetingTimeZone TimeZoneName="Pacific Time"><t:BaseOffset>PT480M</t:BaseOffset><t:Standard>
<t:Offset>P0D</t:Offset><t:RelativeYearlyRecurrence><t:DaysOfWeek>Sunday</t:DaysOfWeek>
<t:DayOfWeekIndex>First</t:DayOfWeekIndex><t:Month>November</t:Month></t:RelativeYearlyRecurrence>
<t:Time>02:00:00</t:Time></t:Standard><t:Daylight><t:Offset>-PT60M</t:Offset><t:RelativeYearlyRecurrence>
<t:DaysOfWeek>Sunday</t:DaysOfWeek><t:DayOfWeekIndex>Second</t:DayOfWeekIndex><t:Month>March</t:Month>
</t:RelativeYearlyRecurrence><t:Time>02:00:00.0000000</t:Time></t:Daylight></t:MeetingTimeZone>"""


def read(text: str) -> TimeZoneDefinition | None:
    return zone_definition(parse(f'<a xmlns:t="{TYPES}">{text}</a>'.encode())[0])


def clock(definition: TimeZoneDefinition | None, utc: str) -> str:
    assert definition is not None
    return definition.local(datetime.fromisoformat(utc).replace(tzinfo=UTC)).isoformat(" ", "minutes")


def test_a_definition_with_a_name_of_its_own_has_the_clock_it_defines() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    definition = read(GERMAN)
    for hour in range(0, 24 * 365, 7):
        instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        assert definition is not None
        assert definition.local(instant) == instant.astimezone(berlin).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2025-03-31 20:59", "2025-03-31 23:59"),
        ("2025-03-31 21:00", "2025-04-01 01:00"),
        ("2025-09-30 19:58", "2025-09-30 23:58"),
        ("2025-09-30 19:59", "2025-09-30 22:59"),
        ("2026-04-30 19:59", "2026-04-30 23:59"),
        ("2026-04-30 20:00", "2026-04-30 20:00"),
        ("2030-07-01 12:00", "2030-07-01 12:00"),
    ],
)
def test_transitions_of_dates_and_of_single_days(utc: str, local: str) -> None:
    assert clock(read(BY_DATES), utc) == local


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-03-08 09:59", "2026-03-08 01:59"),
        ("2026-03-08 10:00", "2026-03-08 03:00"),
        ("2026-11-01 08:59", "2026-11-01 01:59"),
        ("2026-11-01 09:00", "2026-11-01 01:00"),
    ],
)
def test_the_form_before_is_read_as_well(utc: str, local: str) -> None:
    assert clock(read(MEETING_TIME_ZONE), utc) == local


@pytest.mark.parametrize("zone", ZONES)
def test_definitions_of_the_simulator_keep_to_the_schema(zone: str) -> None:
    element = etree.tostring(time_zone("StartTimeZone", "any", "any", zone, (2025, 2026, 2027))).decode()
    body = found(item()).replace(NAMED, element.encode())
    assert element.encode() in body
    assert violations(body) == []


@pytest.mark.slow
@given(
    zone=st.sampled_from(ZONES),
    hours=st.integers(0, 3 * 365 * 24 - 48),
    year=st.sampled_from([2015, 2018, 2025]),  # a year of changes at midnight in Brazil among them
)
@example(zone="America/Sao_Paulo", hours=8738, year=2018)  # the first hour of a year that begins in summer time
@example(zone="America/Sao_Paulo", hours=9000, year=2018)  # and has but one change
@example(zone="America/Sao_Paulo", hours=0, year=2019)
def test_any_zone_by_its_definition_has_the_clock_it_has_by_name(zone: str, hours: int, year: int) -> None:
    definition = zone_definition(time_zone("StartTimeZone", "any", "any", zone, (year, year + 1, year + 2)))
    instant = datetime(year, 1, 2, tzinfo=UTC) + timedelta(hours=hours)
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert definition is not None
    assert definition.local(instant) == local


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("PT3H</t:TimeOffset>", "soon</t:TimeOffset>"),
        ("PT3H</t:TimeOffset>", "PT99999H</t:TimeOffset>"),
        ("<t:Month>3<", "<t:Month>13<"),
        ("<t:Occurrence>5<", "<t:Occurrence>0<"),
        (">Sunday<", ">Someday<"),
        (">Std<", ">Nowhere<"),
        ('Group">0<', 'Group">7<'),
        ('Bias="-PT60M"', 'Bias="P1M"'),
        ('Bias="-PT60M"', 'Bias="-PT24H"'),
        ('Bias="-PT60M"', 'Bias=""'),
    ],
)
def test_nonsense_is_no_definition(good: str, bad: str) -> None:
    assert good in GERMAN
    assert read(GERMAN.replace(good, bad)) is None


def test_a_zone_without_a_definition_has_none() -> None:
    assert read('<t:StartTimeZone Id="UTC"/>') is None
    assert read('<t:StartTimeZone Id="UTC"><t:Periods/></t:StartTimeZone>') is None


@given(st.data())
def test_no_damage_to_a_definition_raises_anything(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GERMAN, BY_DATES, MEETING_TIME_ZONE]))
    numbers = st.sampled_from(["0", "-1", "99", "10000", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "PT23H", ""])
    start = data.draw(st.integers(0, len(text)))
    place = text.find(">", start) + 1
    end = text.find("<", place)
    damaged = text[:place] + data.draw(numbers) + text[end:] if 0 < place < end else text
    definition = read(damaged)
    if definition is not None:
        for instant in (FIRST_INSTANT, datetime(2026, 3, 4, tzinfo=UTC), LAST_INSTANT):
            definition.local(instant)


def test_an_appointment_of_whole_days_carries_its_definition_and_any_other_does_not() -> None:
    def read_item(all_day: str, zone: str) -> TimeZoneDefinition | None:
        body = found(item(IsAllDayEvent=all_day)).decode()
        body = body.replace(NAMED.decode(), zone)
        page = found_items(response_messages(body.encode())[0].element, with_subjects=False)
        (appointment,) = page.appointments.values()
        return appointment.zone_definition

    assert read_item("true", GERMAN) == read(GERMAN)
    assert read_item("true", GERMAN.replace("StartTimeZone", "EndTimeZone")) == read(GERMAN)
    assert read_item("true", MEETING_TIME_ZONE) == read(MEETING_TIME_ZONE)
    assert read_item("false", GERMAN) is None
