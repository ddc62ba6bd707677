"""Tests of the connection limits, and of which connection is closed: numbers only."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.server.admission import Admission, Limits

LIMITS = Limits(all=8, per_user=5, reserve=2, privileged=frozenset({0}))


@dataclass(eq=False)
class Caller:
    user: int
    is_idle: bool = True
    is_cut: bool = field(default=False)


def come(admission: Admission[Caller], caller: Caller) -> bool:
    is_taken, victim = admission.place_for(caller.user)
    if victim is not None:
        assert victim.is_idle
        admission.leave(victim.user, victim)
        victim.is_cut = True
    if is_taken:
        admission.enter(caller.user, caller)
    return is_taken


def test_the_oldest_idle_one_of_the_same_user_gives_way() -> None:
    admission = Admission[Caller](LIMITS)
    callers = [Caller(7, is_idle=number != 0) for number in range(5)]
    assert all(come(admission, each) for each in callers)
    assert come(admission, Caller(7))
    assert [each.is_cut for each in callers] == [False, True, False, False, False]


def test_who_is_busy_with_all_of_them_is_refused() -> None:
    admission = Admission[Caller](LIMITS)
    assert all(come(admission, Caller(7, is_idle=False)) for _ in range(5))
    assert not come(admission, Caller(7))
    assert come(admission, Caller(8))


def test_whoever_has_the_most_gives_way_to_others() -> None:
    admission = Admission[Caller](LIMITS)
    many = [Caller(7) for _ in range(5)]
    assert all(come(admission, each) for each in (*many, *(Caller(8) for _ in range(3))))
    assert come(admission, Caller(9))
    assert many[0].is_cut


def test_root_comes_in_when_everything_is_busy() -> None:
    admission = Admission[Caller](LIMITS)
    for user in (7, 8):
        assert [come(admission, Caller(user, is_idle=False)) for _ in range(5)].count(True) in (5, 3)
    assert not come(admission, Caller(9))
    assert come(admission, Caller(0))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=80))
def test_the_bounds_hold(steps: list[tuple[int, bool, bool]]) -> None:
    admission = Admission[Caller](LIMITS)
    there: list[Caller] = []
    for user, is_idle, leaves in steps:
        if leaves and there:
            gone = there.pop(0)
            admission.leave(gone.user, gone)
            continue
        caller = Caller(user, is_idle)
        if come(admission, caller):
            there.append(caller)
        there = [each for each in there if not each.is_cut]
        assert len(admission) == len(there) <= LIMITS.all + LIMITS.reserve
        assert all(sum(each.user == one for each in there) <= LIMITS.per_user for one in range(5))
