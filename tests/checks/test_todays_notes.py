"""Tests of today's notes under settings that are being chosen."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks.todays_notes import TIME, USERS_IN_A_ROW, todays_notes
from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import CLEARED, AppointmentKind, PresenceSettings, Target, decide
from engine.core.users import User
from engine.sync.preview import UserCalendar
from tests.support.clock import ManualClock

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAIN = PresenceSettings(timezone=ZoneInfo("UTC"), show_subject=True)
DND = replace(PLAIN, mapping={**PLAIN.mapping, AppointmentKind.BUSY: Target.DND})


def user(number: int) -> User:
    return User(guid=f"{number:04}", name=f"user{number}", display_name=f"User {number:04}")


def meeting(hour: float, hours: float = 1, **fields: object) -> Appointment:
    start = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)
    values = {"id": f"m{hour}", "start": start, "end": start + timedelta(hours=hours), "subject": "Review"} | fields
    return Appointment(show_as=ShowAs.BUSY, **values)  # type: ignore[arg-type]


def calendar(number: int, *appointments: Appointment) -> UserCalendar:
    return UserCalendar(user(number), (), appointments)


async def test_the_first_note_of_the_day_is_shown_with_when_it_begins() -> None:
    calendars = [calendar(1, meeting(9)), calendar(2, meeting(11)), calendar(3), UserCalendar(user(4), (), None)]
    found = await todays_notes(calendars, None, PLAIN, NINE, 10, ManualClock())
    assert (found.users, found.looked_at, found.showing, found.differ) == (3, 3, 2, 0)
    now, later = found.notes
    assert (now.user.label, now.begins, now.presence.note) == ("User 0001", None, "Busy: Review until 10am")
    assert (later.begins, later.presence.note) == (None, "Available until 11am (Busy: Review)")
    assert {each.before for each in found.notes} == {None}


async def test_without_a_horizon_a_later_note_begins_later() -> None:
    settings = replace(PLAIN, horizon_hours=0.0)
    found = await todays_notes([calendar(2, meeting(11))], None, settings, NINE, 10, ManualClock())
    [note] = found.notes
    assert note.begins == NINE + timedelta(hours=2)
    tomorrow = await todays_notes([calendar(2, meeting(25))], None, settings, NINE, 10, ManualClock())
    assert tomorrow.notes == ()


async def test_who_differs_from_before_comes_first_with_what_was_before() -> None:
    calendars = [calendar(1), calendar(2, meeting(9)), calendar(3, meeting(9))]
    found = await todays_notes(calendars, PLAIN, DND, NINE, 10, ManualClock())
    assert (found.differ, found.showing) == (2, 2)
    assert [(each.presence.activity, each.before and each.before.activity) for each in found.notes] == [
        ("dnd", "busy"),
        ("dnd", "busy"),
    ]
    ignored = replace(PLAIN, mapping={**PLAIN.mapping, AppointmentKind.BUSY: Target.IGNORE})
    gone = await todays_notes(calendars, PLAIN, ignored, NINE, 10, ManualClock())
    assert [each.presence for each in gone.notes] == [CLEARED, CLEARED], "that nothing is shown any more is shown"


@pytest.mark.parametrize("sensitivity", [Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL])
async def test_a_private_subject_is_never_in_it(sensitivity: Sensitivity) -> None:
    secret = meeting(9, subject="Kündigung", sensitivity=sensitivity)
    found = await todays_notes([calendar(1, secret)], DND, PLAIN, NINE, 10, ManualClock())
    assert found.notes[0].private
    assert "Kündigung" not in str(found)


class SlowClock(ManualClock):
    """A clock by which every look takes a millisecond."""

    def now(self) -> datetime:
        self.looks = getattr(self, "looks", 0) + 1
        return super().now() + timedelta(milliseconds=self.looks)


async def test_ten_thousand_users_are_a_sample_from_everywhere_and_leave_turns_to_others() -> None:
    calendars = [calendar(number, meeting(9)) for number in range(10_000)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.TaskGroup() as group:
        running = group.create_task(others())
        found = await todays_notes(calendars, PLAIN, DND, NINE, 10, SlowClock())
        running.cancel()
    budget = TIME // timedelta(milliseconds=1)
    assert (found.users, found.looked_at) == (10_000, budget + 10)
    assert found.differ == found.showing == found.looked_at
    assert len(found.notes) == 10
    assert turns >= budget // USERS_IN_A_ROW - 1
    numbers = sorted(int(each.user.guid) for each in found.notes)
    assert numbers[-1] - numbers[0] >= 400, "not only the first ones"


@given(st.lists(st.tuples(st.integers(0, 47), st.integers(1, 6), st.booleans()), max_size=6), st.integers(0, 23))
def test_a_note_is_what_would_be_decided_then(days: list[tuple[int, int, bool]], hour: int) -> None:
    appointments = [
        meeting(start / 2, length / 2, id=str(n), sensitivity=Sensitivity.PRIVATE if private else Sensitivity.NORMAL)
        for n, (start, length, private) in enumerate(days)
    ]
    now = datetime(2026, 3, 2, hour, tzinfo=UTC)
    found = asyncio.run(todays_notes([calendar(1, *appointments)], PLAIN, DND, now, 10, ManualClock()))
    for note in found.notes:
        at = note.begins or now
        assert note.presence == decide(appointments, DND, at).presence
        if note.before is not None:
            assert note.before == decide(appointments, PLAIN, at).presence
        assert all(
            decide(appointments, DND, now + timedelta(minutes=30 * n)).presence == CLEARED
            for n in range(48)
            if now + timedelta(minutes=30 * n) < at
        )
