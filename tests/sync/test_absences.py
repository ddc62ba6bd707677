"""Tests of when a missing mailbox counts as gone, and when the directory is at fault."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sync.absences import APART, CONFIRMED, Absences

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def answers(absences: Absences, guid: str, number: int, *, was_known: bool = True) -> None:
    for index in range(number):
        absences.missing(guid, NINE + APART * index, was_known=was_known)


def test_one_answer_is_confirmed_by_two_more() -> None:
    absences = Absences()
    answers(absences, "a", CONFIRMED - 1)
    assert not absences.is_confirmed("a")
    answers(absences, "b", CONFIRMED)
    assert absences.is_confirmed("b")


def test_what_is_asked_at_once_confirms_nothing() -> None:
    absences = Absences()
    for second in range(20):
        absences.missing("a", NINE + timedelta(seconds=second), was_known=True)
    assert not absences.is_confirmed("a")


def test_a_mailbox_that_is_found_in_between_begins_again() -> None:
    absences = Absences()
    answers(absences, "a", CONFIRMED - 1)
    absences.found("a")
    answers(absences, "a", CONFIRMED - 1)
    assert not absences.is_confirmed("a")


def test_a_few_of_many_are_gone_and_many_are_the_service() -> None:
    absences = Absences()
    for number in range(100):
        absences.found(str(number))
    for number in range(24):
        answers(absences, str(number), 1)
        assert not absences.is_one_of_many(str(number))
    for number in range(24, 27):
        answers(absences, str(number), 1)
    assert absences.is_one_of_many("0")
    for number in range(27):
        absences.found(str(number))
    answers(absences, "99", CONFIRMED)
    assert not absences.is_one_of_many("99")


def test_who_never_had_a_mailbox_makes_nobody_one_of_many() -> None:
    absences = Absences()
    for number in range(50):
        answers(absences, f"phone {number}", CONFIRMED, was_known=False)
    absences.found("a")
    absences.found("b")
    absences.found("c")
    absences.found("d")
    answers(absences, "a", CONFIRMED)
    assert not absences.is_one_of_many("a")
    assert not absences.is_one_of_many("phone 1")


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=100))
def test_all_of_at_least_two_that_were_known_are_never_gone_together(visits: list[tuple[str, bool]]) -> None:
    absences = Absences()
    for index, (guid, found) in enumerate(visits):
        if found:
            absences.found(guid)
        else:
            absences.missing(guid, NINE + APART * index, was_known=True)
    gone = [each for each in "abcdefgh" if absences.is_confirmed(each) and not absences.is_one_of_many(each)]
    last = dict(visits)
    assert len(gone) <= 1 or any(last.values())
