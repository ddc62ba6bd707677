"""The simulated company has every kind of appointment, and enough activity."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.simulator.world import CalendarItem, World, corp_world

DAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def world() -> World:
    return corp_world(DAY)


def everything(world: World, days: int = 1) -> list[CalendarItem]:
    start, end = world.instant("00:00"), world.instant("00:00", days)
    return [item for person in world.people if person.mailbox for item in world.occurrences(person.mailbox, start, end)]


def test_it_is_the_same_every_time(world: World) -> None:
    again = corp_world(DAY)
    assert again.people == world.people
    assert everything(again, 7) == everything(world, 7)


def test_people_are_told_apart_by_name_guid_and_mailbox(world: World) -> None:
    assert len(world.people) >= 25
    assert len({person.guid for person in world.people}) == len(world.people)
    assert all(len(bytes.fromhex(person.guid)) == 16 for person in world.people)
    addresses = [a.casefold() for p in world.people if p.mailbox for a in (p.mailbox, *p.proxy_addresses)]
    assert len(set(addresses)) == len(addresses)


def test_some_people_are_hard_to_find(world: World) -> None:
    assert world.person("empfang").mailbox is None
    assert not world.person("gerd.vorstand").may_impersonate
    kathrin = world.person("kweiss")
    assert world.owner("kweiss@corp.example") is None
    assert world.owner(kathrin.pbx_addresses[0]) is kathrin
    assert kathrin.pbx_addresses[0] != kathrin.mailbox
    birgitta = world.owner("birgitta.lindqvist@corp.example")
    assert birgitta is world.person("birgitta.lindqvist")
    assert birgitta.mailbox == "birgitta.soederberg@corp.example"


def test_every_way_to_show_time_and_every_sensitivity_occurs(world: World) -> None:
    items = everything(world)
    assert {item.show_as for item in items} == set(ShowAs) - {ShowAs.NO_DATA}
    assert {item.sensitivity for item in items} == set(Sensitivity)
    assert any(item.cancelled for item in items)
    assert any(item.organizer and item.organizer.address == "hr@corp.example" for item in items)


def test_subjects_are_awkward(world: World) -> None:
    subjects = [item.subject for item in everything(world)]
    assert any(len(subject) > 200 for subject in subjects)
    assert any("\u200d" in subject for subject in subjects)
    assert any("\x1f" in subject for subject in subjects)
    assert any("&" in subject and "<" in subject for subject in subjects)
    assert any("\r\n" in subject for subject in subjects)


def test_some_last_for_days_or_past_midnight_or_are_days_elsewhere(world: World) -> None:
    items = everything(world)
    assert any(item.all_day and item.end - item.start > timedelta(days=7) for item in items)
    assert any(not item.all_day and item.start.astimezone(world.zone).date() < item.end.date() for item in items)
    (abroad,) = [item for item in items if item.all_day and item.zone == "America/New_York"]
    assert abroad.start == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_meetings_follow_each_other_without_a_gap(world: World) -> None:
    items = world.occurrences("lukasz.wisniewski@corp.example", world.instant("09:45"), world.instant("10:40"))
    assert all(earlier.end == later.start for earlier, later in pairwise(items))
    assert len(items) == 4


@pytest.mark.parametrize("day", [date(2026, 3, 2), date(2026, 3, 29), date(2026, 11, 22)])
def test_there_is_enough_to_watch_from_ten_to_nine_to_half_past_ten(day: date) -> None:
    world = corp_world(day)
    start, end = world.instant("08:50"), world.instant("10:30")
    changes = {t for item in everything(world) for t in (item.start, item.end) if start < t < end}
    assert len(changes) >= 15


def test_the_clock_on_the_wall_is_that_of_the_given_zone() -> None:
    tokyo = corp_world(DAY, ZoneInfo("Asia/Tokyo"))
    assert tokyo.instant("08:50") == datetime(2026, 3, 1, 23, 50, tzinfo=UTC)
    (item,) = tokyo.occurrences("gerd.vorstand@corp.example", tokyo.instant("00:00"), tokyo.instant("00:00", 1))
    assert item.start.astimezone(tokyo.zone).time() == time(9)


def test_appointments_are_the_truth_without_what_was_declined(world: World) -> None:
    mailbox, start, end = "kristine.berzina@corp.example", world.instant("09:00"), world.instant("09:30")
    assert [item.subject for item in world.occurrences(mailbox, start, end)] == ["Verbandstreffen", "Atskaite"]
    (appointment,) = world.as_appointments(mailbox, start, end)
    assert appointment == Appointment(
        id="kristine.berzina-1",
        start=world.instant("09:15"),
        end=world.instant("09:40"),
        subject="Atskaite",
        zone="Europe/Berlin",
    )
