"""Tests of the pauses between retries, and of counting consecutive failures."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.core.backoff import JITTER, Backoff, Backoffs, Pauses, asked_for, doubling

SECOND = timedelta(seconds=1)
QUICK = doubling(SECOND, 32 * SECOND)
SELDOM = Pauses((60 * SECOND, 900 * SECOND))


def within_jitter(pause: timedelta, full: timedelta) -> bool:
    return (1 - JITTER) * full <= pause <= full


def test_doubling_ends_with_the_longest() -> None:
    assert [step / SECOND for step in QUICK.steps] == [1, 2, 4, 8, 16, 32]
    assert [step / SECOND for step in doubling(10 * SECOND, 25 * SECOND).steps] == [10, 20, 25]
    assert doubling(SECOND, SECOND).steps == (SECOND,)


@given(st.randoms(use_true_random=False))
def test_each_pause_is_taken_once_and_the_last_for_ever_with_a_quarter_of_jitter(random: Random) -> None:
    backoff = Backoff(random)
    for full in [*QUICK.steps, QUICK.steps[-1], QUICK.steps[-1]]:
        assert within_jitter(backoff.next(QUICK), full)


def test_the_jitter_differs() -> None:
    backoff = Backoff(Random(1))
    assert len({backoff.next(SELDOM) for _ in range(8)}) == 8


def test_all_shorter_pauses_are_through_with_the_last_one() -> None:
    assert [SELDOM.are_through(failures) for failures in (1, 2, 3)] == [False, True, True]


@given(st.randoms(use_true_random=False))
def test_what_was_asked_for_is_never_cut_short(random: Random) -> None:
    assert SECOND <= asked_for(SECOND, random) <= (1 + JITTER) * SECOND


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff(Random(1))
    for _ in range(4):
        backoff.next(QUICK)
    backoff.reset()
    assert backoff.next(QUICK) <= SECOND


def test_failures_that_call_for_other_pauses_begin_a_row_of_their_own() -> None:
    backoff = Backoff(Random(1))
    found = [backoff.next(pauses) for pauses in (QUICK, QUICK, SELDOM, SELDOM, QUICK)]
    for pause, full in zip(found, (1, 2, 60, 900, 1), strict=True):
        assert within_jitter(pause, full * SECOND)


def test_each_key_has_its_own_row() -> None:
    backoffs = Backoffs(Random(1))
    assert within_jitter(backoffs.next("a", QUICK), SECOND)
    assert within_jitter(backoffs.next("a", QUICK), 2 * SECOND)
    assert within_jitter(backoffs.next("b", QUICK), SECOND)
    assert (backoffs.failures("a"), backoffs.failures("b"), backoffs.failures("c")) == (2, 1, 0)
    backoffs.reset("a")
    backoffs.reset("c")
    assert within_jitter(backoffs.next("a", QUICK), SECOND)
    assert within_jitter(backoffs.next("b", QUICK), 2 * SECOND)
    backoffs.clear()
    assert within_jitter(backoffs.next("b", QUICK), SECOND)
