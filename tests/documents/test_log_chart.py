"""Bars of the debug log over a line of times."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema.log import LogHistogram
from engine.documents.log_chart import LABEL, bars, histogram_document, histogram_lines, times_line

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def chart(counts: tuple[int, ...], seconds: int = 300, **changes: object) -> LogHistogram:
    ends = {"oldest": NINE if counts else None, "newest": NINE + timedelta(seconds=seconds) if counts else None}
    values = {
        "begin": NINE,
        "finer": 60,
        "coarser": 900,
        "errors": (0,) * len(counts),
        "count": sum(counts),
        "error_count": 0,
        **ends,
        **changes,
    }
    return LogHistogram(counts=counts, seconds=seconds, **values)  # type: ignore[arg-type]


def test_bars_over_times() -> None:
    lines = [each.text for each in histogram_lines(chart((4, 0, 96, 1, 2, 0, 3), errors=(1, 0, 0, 0, 0, 0, 0)), UTC)]
    assert lines == [
        " all      ▂ █▂▂ ▂   peak 96 at 09:10",
        " errors   █         1",
        "          09:00",
    ]


def test_times_are_where_their_columns_begin_and_never_touch() -> None:
    text = times_line(chart((1,) * 60), UTC)
    assert text.startswith("09:00       10:00       11:00")
    india = timezone(timedelta(hours=5, minutes=30))
    assert times_line(chart((1,) * 20), india).startswith("14:30       15:30")
    assert times_line(chart((1,) * 30, 1), UTC).startswith("09:00:00")
    assert times_line(chart((1,) * 8, 86400), UTC).startswith("02 Mar")


def test_without_entries_it_says_so() -> None:
    assert [each.text for each in histogram_document(chart(()), UTC)] == [
        " 0 entries, 0 errors",
        " No entry matches the filter.",
    ]


@given(st.lists(st.integers(0, 10**6), max_size=80))
def test_every_count_has_a_column_and_no_bar_is_missing(counts: list[int]) -> None:
    drawn = bars(counts)
    assert len(drawn) == len(counts)
    assert [sign == " " for sign in drawn] == [count == 0 for count in counts]
    (row, *_) = histogram_lines(chart(tuple(counts)), UTC)
    assert not counts or row.text[LABEL : LABEL + len(counts)] == drawn
