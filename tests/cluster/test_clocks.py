"""Time for holders and for waiters: rather too much, and rather too little."""

from engine.cluster.clocks import (
    SECOND,
    Reading,
    may_have_been_frozen,
    passed_for_holder,
    passed_for_waiter,
    read_clocks,
)

NOW = Reading(100 * SECOND, 90 * SECOND, 1000 * SECOND)


def after(*, boot: float, raw: float, wall: float) -> Reading:
    return Reading(NOW.boot + int(boot * SECOND), NOW.raw + int(raw * SECOND), NOW.wall + int(wall * SECOND))


def test_suspending_a_machine_shortens_its_claims_and_none_of_its_waits() -> None:
    then = after(boot=60, raw=1, wall=60)
    assert passed_for_holder(NOW, then) == 60 * SECOND
    assert passed_for_waiter(NOW, then) == SECOND


def test_a_clock_that_is_slewed_forward_shortens_no_wait_and_one_slewed_back_no_claim() -> None:
    assert passed_for_waiter(NOW, after(boot=10.8, raw=10, wall=10.8)) == 10 * SECOND
    assert passed_for_holder(NOW, after(boot=9.2, raw=10, wall=9.2)) == 10 * SECOND


def test_a_wall_clock_that_has_stepped_is_noticed_in_both_directions() -> None:
    assert not may_have_been_frozen(NOW, after(boot=10, raw=10, wall=10.9))
    assert may_have_been_frozen(NOW, after(boot=10, raw=10, wall=3610))
    assert may_have_been_frozen(NOW, after(boot=10, raw=10, wall=-10))


def test_the_clocks_of_this_machine_go_forward() -> None:
    earlier = read_clocks()
    later = read_clocks()
    assert 0 <= passed_for_waiter(earlier, later) <= passed_for_holder(earlier, later) < 60 * SECOND
