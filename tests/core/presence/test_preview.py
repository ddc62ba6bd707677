"""Tests of the preview: a day of a calendar under other settings."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import (
    DEFAULT_MAPPING,
    AppointmentKind,
    Presence,
    PresenceSettings,
    Target,
    decide,
    differences,
    preview_day,
)
from tests.core.presence.calendars import SHOWN, WEDNESDAY, appointment, at, changed, days
from tests.core.presence.strategies import presence_settings, questions

HOME = days("2026-03-04", "2026-03-05", "Homeoffice", show_as=ShowAs.WORKING_ELSEWHERE)
MEETING = appointment("14:00", "15:00")


def test_a_day_is_the_list_of_what_it_shows_from_midnight_on() -> None:
    changes = preview_day([MEETING, HOME], SHOWN, WEDNESDAY)
    assert [(change.at, change.presence) for change in changes] == [
        (at("00:00"), Presence("", "Homeoffice until 2pm (Busy: Meeting)")),
        (at("14:00"), Presence("busy", "Busy: Meeting until 3pm")),
        (at("15:00"), Presence("", "Homeoffice, all day")),
    ]


def test_other_settings_give_another_day() -> None:
    others = replace(SHOWN, mapping={AppointmentKind.WORKING_ELSEWHERE: Target.AWAY}, no_priority_words=("meeting",))
    changes = preview_day([MEETING, HOME], others, WEDNESDAY)
    assert [change.presence.note for change in changes] == ["Away: Homeoffice, all day"]


def test_an_empty_day_shows_nothing_all_through() -> None:
    assert [change.presence for change in preview_day([], SHOWN, WEDNESDAY)] == [Presence()]


def test_what_changes_nothing_is_no_change() -> None:
    outranked = changed(MEETING, id="other", start=at("13:59"), end=at("14:30"), show_as=ShowAs.WORKING_ELSEWHERE)
    assert len(preview_day([MEETING, HOME, outranked], SHOWN, WEDNESDAY)) == 4
    assert len(preview_day([MEETING, HOME, changed(outranked, start=at("14:10"))], SHOWN, WEDNESDAY)) == 3


def test_a_day_ends_with_the_local_day_even_where_the_clocks_change() -> None:
    sunday = date(2026, 3, 29)
    midnight = at("2026-03-29 00:00")
    starts = [midnight + timedelta(hours=hour) for hour in range(-5, 30)]
    hourly = [changed(MEETING, id=str(start), start=start, end=start + timedelta(minutes=30)) for start in starts]
    busy = [change for change in preview_day(hourly, SHOWN, sunday) if change.presence.activity]
    assert len(busy) == 23


def test_every_change_is_what_would_be_decided_then() -> None:
    for change in preview_day([MEETING, HOME], SHOWN, WEDNESDAY):
        assert decide([MEETING, HOME], SHOWN, change.at).presence == change.presence


def test_every_bound_of_a_crowd_of_nested_appointments_is_a_change() -> None:
    begins, ends = at("08:00"), at("20:00")
    minutes = [timedelta(minutes=n) for n in range(200)]
    crowd = [changed(MEETING, id=str(minute), start=begins + minute, end=ends - minute) for minute in minutes]
    changes = preview_day(crowd, SHOWN, WEDNESDAY)
    bounds = [at("00:00"), *(begins + minute for minute in minutes), *(ends - minute for minute in reversed(minutes))]
    assert [change.at for change in changes] == bounds
    assert changes[200].presence.note == "Busy: Meeting until 4:41pm"


BUSY_AT_HOME = replace(SHOWN, mapping={**DEFAULT_MAPPING, AppointmentKind.WORKING_ELSEWHERE: Target.BUSY})


def test_a_difference_says_from_when_until_when_and_why() -> None:
    [morning, evening] = differences([MEETING, HOME], SHOWN, BUSY_AT_HOME, at("10:00"), at("20:00"))
    assert (morning.at, morning.until) == (at("10:00"), at("14:00"))
    assert morning.before == Presence("", "Homeoffice until 2pm (Busy: Meeting)")
    assert morning.after == Presence("busy", "Busy: Homeoffice, all day")
    assert morning.why == "all day 2026-03-04: active, as busy"
    assert (evening.at, evening.until) == (at("15:00"), at("20:00"))


def test_the_reason_names_times_and_no_subject() -> None:
    ignoring = replace(SHOWN, mapping={**DEFAULT_MAPPING, AppointmentKind.BUSY: Target.IGNORE})
    [difference] = differences([MEETING], SHOWN, ignoring, at("14:00"), at("20:00"))
    assert difference.why == "14:00 to 15:00: ignored: mapped to ignore"
    assert difference.after == Presence()
    in_german = replace(SHOWN, language="de")
    [difference] = differences([MEETING], SHOWN, in_german, at("14:00"), at("20:00"))
    assert difference.why == "the same appointments, worded differently"


def test_the_same_settings_make_no_difference() -> None:
    assert differences([MEETING, HOME], SHOWN, replace(SHOWN), at("00:00"), at("23:00")) == ()


@pytest.mark.slow
@given(questions(), presence_settings)
@settings(max_examples=50)
def test_between_its_bounds_a_difference_is_what_would_be_decided(
    question: tuple[list[Appointment], PresenceSettings, datetime], after: PresenceSettings
) -> None:
    calendar, before, start = question
    found = differences(calendar, before, after, start, start + timedelta(hours=12))
    for hour in range(24):
        now = start + timedelta(minutes=30 * hour)
        pairs = [(each.before, each.after) for each in found if each.at <= now < each.until]
        decided = (decide(calendar, before, now).presence, decide(calendar, after, now).presence)
        assert pairs == ([decided] if decided[0] != decided[1] else [])


def test_another_calendar_is_compared_appointment_by_appointment() -> None:
    moved = msgspec.structs.replace(MEETING, id="another-id", show_as=ShowAs.OOF)
    [difference] = differences([MEETING], SHOWN, SHOWN, at("14:00"), at("20:00"), calendar_after=[moved])
    assert (difference.at, difference.until) == (at("14:00"), at("15:00"))
    assert difference.before != difference.after
    assert difference.why.startswith("14:00 to 15:00: ")


def test_an_appointment_that_another_calendar_lacks_is_named_by_its_times() -> None:
    [difference] = differences([MEETING], SHOWN, SHOWN, at("14:00"), at("20:00"), calendar_after=[])
    assert (difference.after, difference.why) == (Presence(), "14:00 to 15:00: not found")
    [other_way_round] = differences([], SHOWN, SHOWN, at("14:00"), at("20:00"), calendar_after=[MEETING])
    assert other_way_round.before == Presence()


def test_the_same_appointments_by_other_ids_are_the_same() -> None:
    again = [msgspec.structs.replace(each, id=f"x{each.id}") for each in (MEETING, HOME)]
    assert differences([MEETING, HOME], SHOWN, SHOWN, at("00:00"), at("23:00"), calendar_after=again) == ()
