"""Tests of how many consecutive failing mailboxes count as an outage."""

from hypothesis import given
from hypothesis import strategies as st

from engine.sync.outages import OutageDetector


def test_more_than_can_be_visited_at_once_are_everybody() -> None:
    outbreak = OutageDetector(most=8)
    assert [outbreak.failed(str(number)) for number in range(9)] == [False] * 8 + [True]


def test_one_that_is_well_in_between_begins_the_count_again() -> None:
    outbreak = OutageDetector(most=2)
    assert [outbreak.failed("a"), outbreak.failed("b")] == [False, False]
    outbreak.succeeded("c")
    assert [outbreak.failed("d"), outbreak.failed("e"), outbreak.failed("f")] == [False, False, True]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_the_same_few_are_never_everybody_however_often_they_fail(visits: list[str]) -> None:
    outbreak = OutageDetector(most=8)
    assert not any(outbreak.failed(key) for key in visits)


def test_everybody_stays_everybody_until_one_is_well() -> None:
    outbreak = OutageDetector(most=1)
    outbreak.failed("a")
    assert outbreak.failed("b")
    assert outbreak.failed("a")
    outbreak.succeeded("a")
    assert not outbreak.failed("b")
