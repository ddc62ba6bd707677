"""Step 1: the kind of an appointment, and its target by the mapping."""

from dataclasses import replace

import pytest

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import CLEARED, DEFAULT_MAPPING, AppointmentKind, Presence, Target, decide
from tests.core.presence.calendars import SHOWN, activity, appointment, at, changed, note

MEETING = appointment("09:00", "11:00")
BY_THE_BOSS = replace(SHOWN, tentative_exception_organizer=" Boss@Example.com ")


@pytest.mark.parametrize(
    ("show_as", "expected"),
    [
        (ShowAs.FREE, CLEARED),
        (ShowAs.TENTATIVE, CLEARED),
        (ShowAs.BUSY, Presence("busy", "Busy: Meeting until 11am")),
        (ShowAs.OOF, Presence("away", "Away: Meeting until 11am")),
        (ShowAs.WORKING_ELSEWHERE, Presence("", "Meeting until 11am")),
        (ShowAs.NO_DATA, CLEARED),
    ],
)
def test_each_free_busy_state_has_its_default_target(show_as: ShowAs, expected: Presence) -> None:
    assert decide([changed(MEETING, show_as=show_as)], SHOWN, at("10:00")).presence == expected


@pytest.mark.parametrize("organizer", ["boss@example.com", "\tBOSS@EXAMPLE.COM "])
def test_a_tentative_appointment_of_the_configured_organizer_is_an_exception(organizer: str) -> None:
    tentative = changed(MEETING, show_as=ShowAs.TENTATIVE, organizer=organizer)
    assert activity(tentative, settings=BY_THE_BOSS) == "away"
    assert activity(tentative, settings=SHOWN) == ""


@pytest.mark.parametrize("organizer", ["boss@example.org", "x-boss@example.com", "", " ", None])
def test_a_tentative_appointment_of_anybody_else_is_none(organizer: str | None) -> None:
    assert activity(changed(MEETING, show_as=ShowAs.TENTATIVE, organizer=organizer), settings=BY_THE_BOSS) == ""


@pytest.mark.parametrize("configured", [None, "", "  "])
def test_an_organizer_who_is_not_known_is_never_the_exception(configured: str | None) -> None:
    settings = replace(SHOWN, tentative_exception_organizer=configured)
    for organizer in (None, "", " "):
        assert activity(changed(MEETING, show_as=ShowAs.TENTATIVE, organizer=organizer), settings=settings) == ""


def test_only_tentative_appointments_can_be_exceptions() -> None:
    assert activity(changed(MEETING, organizer="boss@example.com"), settings=BY_THE_BOSS) == "busy"


@pytest.mark.parametrize("kind", AppointmentKind)
@pytest.mark.parametrize("target", Target)
def test_the_mapping_decides_what_each_kind_shows(kind: AppointmentKind, target: Target) -> None:
    settings = replace(BY_THE_BOSS, mapping={**DEFAULT_MAPPING, kind: target})
    if kind is AppointmentKind.TENTATIVE_EXCEPTION:
        one = changed(MEETING, show_as=ShowAs.TENTATIVE, organizer="boss@example.com")
    else:
        one = changed(MEETING, show_as=ShowAs(kind.value))
    expected = {
        Target.AVAILABLE: Presence("", "Meeting until 11am"),
        Target.BUSY: Presence("busy", "Busy: Meeting until 11am"),
        Target.AWAY: Presence("away", "Away: Meeting until 11am"),
        Target.DND: Presence("dnd", "Do not disturb: Meeting until 11am"),
        Target.IGNORE: CLEARED,
    }[target]
    assert decide([one], settings, at("10:00")).presence == expected


def test_a_kind_that_the_mapping_leaves_out_has_its_default_target() -> None:
    assert activity(MEETING, settings=replace(SHOWN, mapping={})) == "busy"


@pytest.mark.parametrize(
    "unshown",
    [
        appointment("08:00", "12:00", "Board", cancelled=True),
        appointment("08:00", "12:00", "Board", show_as=ShowAs.FREE),
        appointment("08:00", "12:00", "Board", show_as=ShowAs.TENTATIVE),
        appointment("10:30", "12:00", "Board", cancelled=True),
        appointment("10:00", "10:00", "Board"),
        appointment("12:00", "08:00", "Board"),
    ],
)
def test_what_is_not_shown_is_neither_active_nor_next_nor_outranks(unshown: Appointment) -> None:
    settings = replace(SHOWN, priority_words=("board",))
    home = appointment("09:00", "17:00", "Home", show_as=ShowAs.WORKING_ELSEWHERE)
    assert note(unshown, home, settings=settings) == "Home until 5pm"
    assert note(unshown, settings=settings) == ""
