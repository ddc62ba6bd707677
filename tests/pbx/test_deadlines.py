"""Tests of the deadlines of one connection."""

from datetime import timedelta

from engine.pbx.requests import ANSWER_TIME, Deadlines
from tests.support.clock import ManualClock


async def test_what_is_not_met_is_missed_once_and_exactly_in_time() -> None:
    clock, missed = ManualClock(), list[str]()
    deadlines = Deadlines(clock)
    deadlines.expect("first", lambda: missed.append("first"))
    first_due = clock.now() + ANSWER_TIME
    await clock.advance(3)
    deadlines.expect("second", lambda: missed.append("second"))
    assert deadlines.next_look() == first_due
    await clock.advance_to(first_due - timedelta(microseconds=1))
    deadlines.expire()
    assert missed == []
    await clock.advance_to(first_due)
    deadlines.expire()
    assert missed == ["first"]
    assert deadlines.next_look() == first_due + timedelta(seconds=3)
    await clock.advance(60)
    deadlines.expire()
    deadlines.expire()
    assert missed == ["first", "second"]


async def test_what_is_met_is_not_missed() -> None:
    clock, missed = ManualClock(), list[str]()
    deadlines = Deadlines(clock)
    deadlines.expect("answer", lambda: missed.append("answer"))
    deadlines.met("answer")
    deadlines.met("never expected")
    await clock.advance(60)
    deadlines.expire()
    assert missed == []


async def test_a_new_expectation_of_the_same_name_counts_from_then() -> None:
    clock, missed = ManualClock(), list[str]()
    deadlines = Deadlines(clock)
    deadlines.expect("row", lambda: missed.append("row"))
    await clock.advance(5)
    deadlines.expect("answer", lambda: missed.append("answer"))
    answer_due = clock.now() + ANSWER_TIME
    await clock.advance(4)
    deadlines.expect("row", lambda: missed.append("row"))
    assert deadlines.next_look() == answer_due
    await clock.advance_to(answer_due)
    deadlines.expire()
    assert missed == ["answer"]


async def test_nothing_expected_meanwhile_is_due_before_the_next_look() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    look = deadlines.next_look()
    await clock.advance(0.001)
    deadlines.expect("answer", lambda: None)
    assert look <= deadlines.next_look()
