"""Tests of the number of concurrent requests to a server, whatever their outcomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.ews.throttle import Concurrency

MOST = st.integers(1, 100)


@given(MOST, st.lists(st.booleans(), max_size=300))
def test_it_is_always_at_least_one_and_never_above_the_most(most: int, outcomes: list[bool]) -> None:
    concurrency = Concurrency(most)
    assert concurrency.allowed == most
    for went_well in outcomes:
        report = concurrency.went_well if went_well else concurrency.complained
        report(concurrency.begin())
        assert 1 <= concurrency.allowed <= most


@given(MOST, st.integers(1, 100))
def test_one_burst_of_complaints_halves_once(most: int, under_way: int) -> None:
    concurrency = Concurrency(most)
    begun = [concurrency.begin() for _ in range(under_way)]
    for request in begun:
        concurrency.complained(request)
    assert concurrency.allowed == max(1, most // 2)


@given(MOST)
def test_successes_from_before_the_complaint_prove_nothing(most: int) -> None:
    concurrency = Concurrency(most)
    before = concurrency.begin()
    concurrency.complained(concurrency.begin())
    reduced = concurrency.allowed
    for _ in range(1000):
        concurrency.went_well(before)
    assert concurrency.allowed == reduced


@pytest.mark.slow
@given(MOST, st.integers(0, 8))
def test_it_grows_back_one_by_one_to_the_most(most: int, complaints: int) -> None:
    concurrency = Concurrency(most)
    for _ in range(complaints):
        concurrency.complained(concurrency.begin())
    for _ in range(most * (most + 1)):
        before = concurrency.allowed
        concurrency.went_well(concurrency.begin())
        assert concurrency.allowed - before in (0, 1)
    assert concurrency.allowed == most
