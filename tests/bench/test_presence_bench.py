"""Benchmark of the presence rules (goal: 10,000 users in one second on one core)."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import PresenceSettings, decide, preview_day

USERS = 10_000
APPOINTMENTS = 20
SETTINGS = PresenceSettings(
    language="de",
    timezone=ZoneInfo("Europe/Berlin"),
    show_subject=True,
    priority_words=("customer", "board"),
    no_priority_words=("lunch", "optional"),
)
NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
STATES = (ShowAs.BUSY, ShowAs.BUSY, ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE, ShowAs.FREE)


def calendar(user: int, chance: random.Random) -> list[Appointment]:
    """Return the appointments of one user in the week around `NOW`, the most part of them not at this moment."""
    monday = datetime(2026, 3, 2, 7, tzinfo=UTC)
    found = []
    for n in range(APPOINTMENTS):
        start = monday + timedelta(days=chance.randrange(7), minutes=15 * chance.randrange(40))
        end = start + timedelta(minutes=15 * chance.randrange(1, 9))
        found.append(
            Appointment(
                id=f"{user}-{n}",
                start=start,
                end=end,
                subject=f"{chance.choice(('Review', 'Customer', 'Lunch', 'Planning'))} {chance.randrange(10_000)}",
                show_as=chance.choice(STATES),
            )
        )
    first = datetime(2026, 3, 3 + chance.randrange(3), 23, tzinfo=UTC)
    found[-1] = Appointment(
        id=f"{user}-day",
        start=first,
        end=first + timedelta(days=1),
        subject="Vacation",
        all_day=True,
        zone="Europe/Berlin",
        show_as=ShowAs.OOF,
    )
    return found


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the quickest of three runs, since other work on the machine only ever slows one down."""
    runs = []
    for _ in range(3):
        started = time.process_time()
        work()
        runs.append(time.process_time() - started)
    return min(runs)


def test_ten_thousand_calendars_are_decided_in_a_second() -> None:
    chance = random.Random(3)
    calendars = [calendar(user, chance) for user in range(USERS)]
    notes = [decide(appointments, SETTINGS, NOW).presence.note for appointments in calendars]
    seconds = cpu_seconds(lambda: [decide(appointments, SETTINGS, NOW).presence for appointments in calendars])
    explained = cpu_seconds(lambda: [decide(appointments, SETTINGS, NOW).reasons for appointments in calendars])
    print(
        f"\n{USERS:,} users with {APPOINTMENTS} appointments each, {sum(map(bool, notes)):,} of them with a note: "
        f"{seconds:.2f} s, {USERS / seconds:,.0f} decisions a second; with all reasons {explained:.2f} s"
    )
    assert sum(map(bool, notes)) > USERS / 2
    assert seconds <= 1.0


def test_a_day_of_two_thousand_appointments_within_each_other_is_previewed_in_seconds() -> None:
    midnight, step = datetime(2026, 3, 3, 23, tzinfo=UTC), timedelta(seconds=20)
    crowd = [
        Appointment(id=str(n), start=midnight + n * step, end=midnight + timedelta(days=1) - n * step, subject=str(n))
        for n in range(1, 2001)
    ]
    changes = len(preview_day(crowd, SETTINGS, NOW.date()))
    seconds = cpu_seconds(lambda: preview_day(crowd, SETTINGS, NOW.date()))
    print(f"\na day of 2,000 appointments within each other: {changes:,} changes in {seconds:.1f} s")
    assert changes == 4001
    assert seconds <= 5.0
