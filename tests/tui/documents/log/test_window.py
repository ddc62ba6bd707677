import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calendar_tui.documents.log_window import MOST, PAGE, LogWindow
from tests.support.log import MemoryLog

SCREEN = 40


class Looking:
    """Somebody who looks at `SCREEN` rows of a window, from `top` on."""

    def __init__(self, log: MemoryLog, window: LogWindow) -> None:
        self.log = log
        self.window = window
        self.top = 0

    def settle(self) -> None:
        for _ in range(1000):
            if self.window.following:
                self.top = max(0, len(self.window.rows) - SCREEN)
            question = self.window.wanted(self.top, self.top + SCREEN)
            if question is None:
                return
            anchor = self.window.rows[self.top].id if self.top < len(self.window.rows) else None
            self.window.take(question, self.log.answer(question))
            place = None if anchor is None else self.window.position(anchor)
            self.top = self.top if place is None else place
        raise AssertionError("it never has enough")

    def scroll(self, by: int) -> None:
        if self.window.following:
            self.window.pause()
        self.top = max(0, min(self.top + by, len(self.window.rows) - SCREEN))
        self.settle()

    def grow(self, by: int) -> None:
        self.log.count += by
        self.window.heard(self.log.count)
        self.settle()


def looking(count: int, filter: str = "") -> Looking:  # noqa: A002
    found = Looking(MemoryLog(count), LogWindow(filter))
    found.settle()
    return found


def test_a_million_exchanges_open_with_one_question() -> None:
    look = looking(1_000_000)
    assert len(look.log.asked) == 1
    assert [row.id for row in look.window.rows] == list(range(1_000_001 - PAGE, 1_000_001))
    assert look.window.ends
    assert not look.window.begins


def test_following_shows_the_newest_and_counts_nothing() -> None:
    look = looking(500)
    look.grow(1234)
    assert look.window.rows[-1].id == 1734
    assert look.window.new == 0
    assert len(look.window.rows) <= MOST


def test_a_pause_counts_what_comes_without_moving_what_is_seen() -> None:
    look = looking(500, "even")
    look.scroll(-30)
    seen = look.window.rows[look.top].id
    look.grow(5000)
    assert look.window.new == 2500
    assert look.window.rows[look.top].id == seen
    look.grow(3)
    assert look.window.new == 2501


def test_all_of_a_long_log_can_be_scrolled_through_both_ways() -> None:
    look = looking(3000)
    while not (look.window.begins and look.top == 0):
        look.scroll(-SCREEN)
        assert len(look.window.rows) <= MOST
    assert look.window.rows[0].id == 1
    for _ in range(3000 // SCREEN + 1):
        look.scroll(SCREEN)
    assert look.window.ends
    assert look.window.rows[-1].id == 3000


def test_a_window_can_begin_anywhere() -> None:
    look = Looking(MemoryLog(10_000), LogWindow("", around=5000, newest=10_000))
    look.settle()
    assert look.window.position(5000) is not None
    assert look.window.rows[0].id < 5000 - SCREEN
    assert look.window.rows[-1].id > 5000 + SCREEN
    assert look.window.new == 0
    look.grow(7)
    assert look.window.new == 7


def test_an_empty_log_begins_and_ends() -> None:
    look = looking(0)
    assert look.window.begins
    assert look.window.ends
    assert not look.window.rows
    look.grow(1)
    assert [row.id for row in look.window.rows] == [1]


def test_a_page_without_rows_that_goes_on_is_gone_on_with() -> None:
    """Looking through bodies, the engine may come back with nothing yet."""
    log, window = MemoryLog(100), LogWindow("body:x")
    first = window.wanted(0, SCREEN)
    assert first is not None
    empty = log.answer(first)
    window.take(first, type(empty)(rows=(), next=60, newest=100))
    following = window.wanted(0, SCREEN)
    assert following is not None
    assert following.before == 60
    assert not window.begins


@pytest.mark.slow
@settings(max_examples=60)
@given(
    count=st.integers(0, 2500),
    even=st.booleans(),
    steps=st.lists(st.one_of(st.integers(-500, 500), st.sampled_from(["grow", "flood", "pause"])), max_size=25),
)
def test_there_is_never_a_gap(count: int, even: bool, steps: list[int | str]) -> None:
    look = looking(count, "even" if even else "")
    expected_new = 0
    for step in steps:
        fitting = len(look.log.fitting(look.window.filter))
        match step:
            case int():
                expected_new = 0 if look.window.following else expected_new
                look.scroll(step)
            case "pause":
                look.window.pause()
                expected_new = 0
            case _:
                look.grow(3 if step == "grow" else 700)
                if not look.window.following:
                    expected_new += len(look.log.fitting(look.window.filter)) - fitting
        ids = [row.id for row in look.window.rows]
        assert len(ids) <= MOST
        assert all(later - earlier == (2 if even else 1) for earlier, later in itertools.pairwise(ids))
        assert look.window.new == expected_new
