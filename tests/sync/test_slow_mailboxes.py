"""Tests of the limit on slow mailboxes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sync.slow_mailboxes import SlowMailboxLimiter


def with_slow(*keys: str, share: int = 2) -> SlowMailboxLimiter:
    mailboxes = SlowMailboxLimiter(share)
    mailboxes.ended("quick", 0.1)
    for key in (*keys, *keys):
        mailboxes.ended(key, 30)
    return mailboxes


def test_no_more_slow_ones_than_their_share_and_then_in_their_order() -> None:
    mailboxes = with_slow("a", "b", "c", "d")
    assert [mailboxes.admits(key) for key in "abcd"] == [True, True, False, False]
    assert mailboxes.admits("quick")
    assert mailboxes.ended("a", 30) == "c"
    assert mailboxes.admits("c")
    assert mailboxes.ended("quick", 0.1) is None
    assert mailboxes.ended("b", 30) == "d"


def test_one_that_is_quick_again_is_like_any_other() -> None:
    mailboxes = with_slow("a", share=1)
    assert mailboxes.admits("a")
    mailboxes.ended("a", 0.2)
    for _ in range(2):
        mailboxes.ended("b", 30)
    assert mailboxes.admits("b")
    assert mailboxes.admits("a")


def test_one_long_visit_is_no_habit() -> None:
    mailboxes = with_slow("a", share=1)
    mailboxes.ended("b", 30)
    assert mailboxes.admits("a")
    assert mailboxes.admits("b")


def test_where_all_take_long_none_is_special() -> None:
    mailboxes = SlowMailboxLimiter(share=1)
    for number in range(100):
        assert mailboxes.admits(str(number))
        mailboxes.ended(str(number), 20)
    assert all(mailboxes.admits(str(number)) for number in range(100))


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 100)), max_size=200))
def test_nobody_is_forgotten(visits: list[tuple[str, float]]) -> None:
    mailboxes = with_slow("a", "b", "c", share=1)
    under_way: dict[str, float] = {}
    turned_away: set[str] = set()

    def begin(key: str, seconds: float) -> None:
        if mailboxes.admits(key):
            under_way[key] = seconds
        else:
            turned_away.add(key)

    def end(key: str) -> None:
        following = mailboxes.ended(key, under_way.pop(key))
        if following is not None:
            turned_away.discard(following)
            if following not in under_way:
                begin(following, 1)

    for key, seconds in visits:
        if key in under_way:
            end(key)
        elif key not in turned_away:
            begin(key, seconds)
    while under_way:
        end(next(iter(under_way)))
    assert turned_away == set()
