"""Step 3: the grammar of the note, hidden subjects, and subjects that are too long."""

from dataclasses import replace

import pytest

from engine.core.appointments import Sensitivity, ShowAs
from engine.core.presence import CLEARED, DEFAULT_MAPPING, AppointmentKind, Target, decide
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days, note

HIDDEN = replace(SHOWN, show_subject=False)
MEETING = appointment("14:00", "15:00")
HOME = appointment("09:00", "17:00", "Homeoffice", show_as=ShowAs.WORKING_ELSEWHERE)
FAMILY = "👨‍👩‍👧‍👦"


def test_nothing_active_and_nothing_next_clears_the_presence() -> None:
    assert decide([], SHOWN, at("10:00")).presence == CLEARED
    assert decide([MEETING], SHOWN, at("16:00")).presence == CLEARED


def test_nothing_active_and_something_next() -> None:
    assert note(MEETING) == "Available until 2pm (Busy: Meeting)"
    assert note(MEETING, settings=HIDDEN) == "Available until 2pm (Busy)"


def test_something_active_that_leaves_one_available() -> None:
    assert note(HOME) == "Homeoffice until 5pm"
    assert note(HOME, MEETING) == "Homeoffice until 2pm (Busy: Meeting)"


def test_next_is_told_only_where_it_begins_before_or_at_the_end() -> None:
    at_the_end = appointment("17:00", "18:00")
    after_it = appointment("17:01", "18:00")
    assert note(HOME, at_the_end) == "Homeoffice until 5pm (Busy: Meeting)"
    assert note(HOME, after_it) == "Homeoffice until 5pm"


def test_a_whole_day_that_leaves_one_available_lasts_until_next_or_all_day() -> None:
    home = days("2026-03-04", "2026-03-05", "Homeoffice", show_as=ShowAs.WORKING_ELSEWHERE)
    assert note(home, MEETING) == "Homeoffice until 2pm (Busy: Meeting)"
    assert note(home, MEETING, now="16:00") == "Homeoffice, all day"
    at_its_end = appointment("2026-03-05 00:00", "2026-03-05 01:00")
    far_sighted = replace(SHOWN, horizon_hours=24)
    assert note(home, at_its_end, settings=far_sighted) == "Homeoffice, all day (Busy: Meeting)"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (AppointmentKind.BUSY, "Busy"),
        (AppointmentKind.TENTATIVE, "Tentative"),
        (AppointmentKind.OOF, "Out of office"),
        (AppointmentKind.WORKING_ELSEWHERE, "Working elsewhere"),
        (AppointmentKind.NO_DATA, "No information"),
    ],
)
def test_the_kind_stands_for_a_hidden_subject_that_leaves_one_available(kind: AppointmentKind, word: str) -> None:
    settings = replace(HIDDEN, mapping={**DEFAULT_MAPPING, kind: Target.AVAILABLE})
    assert note(changed(HOME, show_as=ShowAs(kind.value)), settings=settings) == f"{word} until 5pm"


def test_busy_away_and_dnd_say_until_when_and_nothing_of_what_is_next() -> None:
    next_one = appointment("15:00", "16:00", "Other")
    assert note(MEETING, next_one, now="14:30") == "Busy: Meeting until 3pm"
    assert note(days("2026-03-02", "2026-03-07"), MEETING, now="09:00") == "Away: Vacation until Friday"
    disturb_not = replace(SHOWN, mapping={AppointmentKind.BUSY: Target.DND})
    assert note(MEETING, now="14:30", settings=disturb_not) == "Do not disturb: Meeting until 3pm"
    assert note(MEETING, now="14:30", settings=replace(disturb_not, show_subject=False)) == "Do not disturb until 3pm"


@pytest.mark.parametrize("sensitivity", [Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL])
def test_private_and_confidential_subjects_are_hidden(sensitivity: Sensitivity) -> None:
    assert note(changed(MEETING, sensitivity=sensitivity), now="14:30") == "Busy until 3pm"
    assert note(changed(HOME, sensitivity=sensitivity), MEETING) == "Working elsewhere until 2pm (Busy: Meeting)"
    assert note(HOME, changed(MEETING, sensitivity=sensitivity)) == "Homeoffice until 2pm (Busy)"


def test_personal_subjects_are_shown() -> None:
    assert note(changed(MEETING, sensitivity=Sensitivity.PERSONAL), now="14:30") == "Busy: Meeting until 3pm"


@pytest.mark.parametrize(
    "empty",
    [
        *("", "   ", "\r\n\t", "\u202e\u2066", "\u00a0\u2028", "\u200b", "\ufeff\u2060"),
        *("\u0301", " \u0301", "\u3164", "\u00ad\u200d", "\ud83c", "\ufffe", "\U000e0041"),
    ],
)
def test_an_empty_subject_counts_as_hidden(empty: str) -> None:
    assert note(changed(MEETING, subject=empty), now="14:30") == "Busy until 3pm"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("One\r\nTwo", "One Two"),
        ("\tOne \x00\x1f\x85 Two\x7f ", "One Two"),
        ("One\u2028Two\u2029Three", "One Two Three"),
        ("\u202eeviL\u202c \u2067right\u2069\u200f\u200e\u061c", "eviL right"),
        ("Half \ud83d of a pair", "Half of a pair"),
        ("Half\ud83dof\ufffea pair", "Half of a pair"),
        ("Zero\u200bwidth\ufeff \u2060 joined", "Zerowidth joined"),
        ("e\u0301 and \u0301", "e\u0301 and"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        ("ज\u094d\u200dञ", "ज\u094d\u200dञ"),
        (f"Family {FAMILY}", f"Family {FAMILY}"),
        ("{head} %s {0}", "{head} %s {0}"),
    ],
)
def test_a_subject_is_shown_as_one_plain_line(subject: str, shown: str) -> None:
    assert note(changed(MEETING, subject=subject), now="14:30") == f"Busy: {shown} until 3pm"


def limited(limit: int, subject: str = "Meeting about everything", home: str = "Homeoffice") -> tuple[str, str]:
    settings = replace(SHOWN, note_max_length=limit)
    meeting = changed(MEETING, subject=subject)
    return note(meeting, now="14:30", settings=settings), note(changed(HOME, subject=home), meeting, settings=settings)


def test_a_note_of_just_the_limit_is_whole() -> None:
    assert limited(40)[0] == "Busy: Meeting about everything until 3pm"
    assert limited(39)[0] == "Busy: Meeting about everythi… until 3pm"


def test_the_default_limit_is_128_characters() -> None:
    whole = note(changed(MEETING, subject="x" * 112), now="14:30")
    assert whole == f"Busy: {'x' * 112} until 3pm"
    assert len(whole) == 128
    assert note(changed(MEETING, subject="x" * 113), now="14:30") == f"Busy: {'x' * 111}… until 3pm"


def test_subjects_are_cut_while_time_and_brackets_stay_whole() -> None:
    assert limited(26)[0] == "Busy: Meeting a… until 3pm"
    assert limited(25)[0] == "Busy: Meeting… until 3pm"
    assert limited(44)[1] == "Homeoffice until 2pm (Busy: Meeting about…)"
    assert limited(32)[1] == "Homeof… until 2pm (Busy: Meeti…)"
    assert limited(44, home="A home that has a long name")[1] == "A home that… until 2pm (Busy: Meeting abo…)"
    assert limited(44, subject="Call", home="A home that has a long name")[1] == (
        "A home that has a lo… until 2pm (Busy: Call)"
    )


def test_where_no_subject_fits_the_times_still_do() -> None:
    assert limited(18)[0] == "Busy: M… until 3pm"
    assert limited(17)[0] == "Busy until 3pm"
    assert limited(14)[0] == "Busy until 3pm"
    assert limited(13)[0] == "Busy"
    assert limited(23)[1] == "H… until 2pm (Busy: M…)"
    assert limited(22)[1] == "H… until 2pm (Busy)"
    assert limited(35, home="")[1] == "Working elsewhere until 2pm (Busy)"
    assert limited(33, home="")[1] == "Working elsewhere until 2pm"
    assert limited(26, home="")[1] == "Working elsewhere"
    assert limited(16, home="")[1] == "Working elsewhe…"
    assert limited(1) == ("", "")
    assert limited(0) == ("", "")


def test_a_grapheme_is_never_cut() -> None:
    assert limited(128, subject=FAMILY * 40)[0] == f"Busy: {FAMILY * 15}… until 3pm"
    accents = "e\u0301\u0301" * 60
    assert limited(25, subject=accents)[0] == "Busy: e\u0301\u0301e\u0301\u0301… until 3pm"
    assert limited(128, subject="a" + "\u0301" * 500)[0] == "Busy until 3pm"


def test_a_blank_does_not_stand_before_the_ellipsis() -> None:
    assert limited(26, subject="Meeting  about everything")[0] == "Busy: Meeting a… until 3pm"
    assert limited(24, subject="Meeting about everything")[0] == "Busy: Meeting… until 3pm"
