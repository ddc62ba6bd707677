"""How many entries ended when: columns that together hold every entry."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.debuglog.filter.parse import parse
from engine.debuglog.histogram import STEPS, Histogram, histogram
from engine.debuglog.query import open_to_search
from engine.debuglog.store import FILE
from tests.support.logged import failed, fill, kept
from tests.support.served_engine import NINE

NINE_O_CLOCK = NINE.timestamp()
NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A log of 90 s, with an error every 30 s, and one entry an hour later."""
    directory: Path = tmp_path_factory.mktemp("log")
    entries = [failed(at, "ErrorServerBusy") if at % 30 == 0 else kept(at) for at in range(90)]
    fill(directory, [*entries, kept(3600)])
    return open_to_search(directory / FILE)


def counted(
    log: sqlite3.Connection, words: str = "", columns: int = 60, begin: float | None = None, seconds: int | None = None
) -> Histogram:
    return histogram(log, parse(words), NOW, columns=columns, begin=begin, seconds=seconds)


def test_all_of_it_in_as_few_columns_as_asked_for(log: sqlite3.Connection) -> None:
    found = counted(log, columns=13)
    assert (found.begin, found.seconds) == (NINE_O_CLOCK, 300)
    assert found.counts == (90, *[0] * 11, 1)
    assert found.errors == (3, *[0] * 12)
    assert (found.count, found.error_count) == (91, 3)
    assert (found.oldest, found.newest) == (NINE_O_CLOCK, NINE_O_CLOCK + 3600)


def test_narrowed_by_a_filter(log: sqlite3.Connection) -> None:
    found = counted(log, "is:error")
    assert (found.seconds, sum(found.counts), found.count) == (1 if len(found.counts) > 13 else 5, 3, 3)
    assert found.counts == found.errors
    assert (found.oldest, found.newest) == (NINE_O_CLOCK, NINE_O_CLOCK + 60)


def test_moved_and_zoomed(log: sqlite3.Connection) -> None:
    found = counted(log, columns=4, begin=NINE_O_CLOCK + 31, seconds=14)
    assert (found.begin, found.seconds, found.finer, found.coarser) == (NINE_O_CLOCK + 30, 15, 5, 60)
    assert (found.counts, found.errors) == ((15, 15, 15, 15), (1, 0, 1, 0))
    before = counted(log, columns=2, begin=NINE_O_CLOCK - 60, seconds=15)
    assert (before.counts, before.count) == ((0, 0), 91)


def test_the_newest_where_not_all_fit(log: sqlite3.Connection) -> None:
    found = counted(log, columns=1, seconds=60)
    assert (found.begin, found.counts, found.count) == (NINE_O_CLOCK + 3600, (1,), 91)


def test_of_nothing_there_is_no_column(log: sqlite3.Connection) -> None:
    found = counted(log, "user:nobody")
    assert (found.counts, found.count, found.error_count, found.oldest) == ((), 0, 0, None)


@pytest.mark.property
@given(columns=st.integers(1, 200), words=st.sampled_from(("", "is:error", "since:1d", "ms:>12", "not is:error")))
def test_every_entry_is_in_one_column(log: sqlite3.Connection, columns: int, words: str) -> None:
    found = counted(log, words, columns)
    assert sum(found.counts) == found.count
    assert sum(found.errors) == found.error_count
    assert len(found.counts) == len(found.errors) <= columns
    assert found.seconds in STEPS
    assert found.begin % found.seconds == 0
