"""Tests of the filter language: parsing, the canonical form, and the positions of errors."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.debuglog.filter.complete import Known, complete
from engine.debuglog.filter.model import All, Any, Filter, Not, Term, canonical
from engine.debuglog.filter.parse import FilterNotUnderstood, chips, parse
from tests.debuglog.filter.strategies import filters


@pytest.mark.slow
@given(filters)
def test_what_is_written_is_understood_as_the_same(this: Filter) -> None:
    assert parse(canonical(this)) == this


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused_at_a_column_of_it(text: str) -> None:
    try:
        this, column = parse(text), 1
    except FilterNotUnderstood as mistake:
        this, column = All(()), mistake.column
    else:
        assert all(0 <= chip.start < chip.end <= len(text) for chip in chips(text))
    assert 1 <= column <= len(text) + 1
    assert parse(canonical(this)) == this


@pytest.mark.slow
@given(st.lists(filters.filter(lambda this: not isinstance(this, All | Any)), min_size=1, max_size=4))
def test_chips_are_the_conditions_and_say_where_they_stand(conditions: list[Filter]) -> None:
    written = [canonical(each) for each in conditions]
    text = "  ".join(written)
    found = chips(text)
    assert [chip.text for chip in found] == written
    assert [text[chip.start : chip.end] for chip in found] == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", All(())),
        ("user:alice", Term("user", "=", "alice")),
        ("USER:Alice", Term("user", "=", "Alice")),
        ("alice", Term("", "=", "alice")),
        ('body:"a \\"b\\" c"', Term("body", "=", 'a "b" c')),
        ("status:>=500", Term("status", ">=", 500)),
        ("size:>1MB", Term("size", ">", 1_000_000)),
        ("size:<20kb", Term("size", "<", 20_000)),
        ("since:10m", Term("since", "=", timedelta(minutes=10))),
        ("until:2026-11-22T08:00", Term("until", "=", datetime(2026, 11, 22, 8, tzinfo=UTC))),
        ("since:2026-11-22T08:00+01:00", Term("since", "=", datetime(2026, 11, 22, 7, tzinfo=UTC))),
        ("is:ERROR", Term("is", "=", "error")),
        ("a b", All((Term("", "=", "a"), Term("", "=", "b")))),
        ("a AND b", All((Term("", "=", "a"), Term("", "=", "b")))),
        ("a b or c", Any((All((Term("", "=", "a"), Term("", "=", "b"))), Term("", "=", "c")))),
        ("a (b or c)", All((Term("", "=", "a"), Any((Term("", "=", "b"), Term("", "=", "c")))))),
        ("not not a", Not(Not(Term("", "=", "a")))),
        ('"not"', Term("", "=", "not")),
    ],
)
def test_understood(text: str, expected: Filter) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("is:error foo:1", 10, "there is no field foo"),
        ("usr:alice", 1, "there is no field usr"),
        ("status:abc", 8, "status is a number, not abc"),
        ("size:>1XB", 7, "size is a size, not 1XB"),
        ("since:yesterday", 7, "since is a time, not yesterday"),
        ("is:bad", 4, "unknown value bad"),
        ("op:>3", 4, "op cannot be compared by size"),
        ("user:", 6, "user needs a value"),
        ('a body:"open', 8, "this quotation mark is not closed"),
        ("(a or b", 1, "this bracket is not closed"),
        ("a)", 2, "this bracket has no opening bracket"),
        ("a or", 5, "a condition is missing here"),
        ("or a", 1, "a condition is missing here"),
        ("a and", 6, "a condition is missing here"),
        ("not", 4, "not needs a condition after it"),
        ("()", 2, "a condition is missing here"),
        ("(" * 60 + "a" + ")" * 60, 52, "brackets are nested too deep"),
        ("not " * 5000 + "a", 205, "brackets are nested too deep"),
    ],
)
def test_a_mistake_is_told_with_its_column(text: str, column: int, reason: str) -> None:
    with pytest.raises(FilterNotUnderstood) as caught:
        parse(text)
    assert (caught.value.column, caught.value.reason) == (column, reason)


def test_a_misspelt_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(FilterNotUnderstood) as caught:
        parse("usr:alice")
    assert caught.value.hint == "Did you mean user:?"


KNOWN = Known(operations=["FindItem", "GetItem"], codes=["ErrorServerBusy"], users=["Anna Müller"], lanes=["mail 1"])


@pytest.mark.parametrize(
    ("text", "cursor", "completions"),
    [
        ("us", 2, [("user:", 0, 2)]),
        ("is:error op:Fi", 14, [("op:FindItem", 9, 14)]),
        ("op:Fi is:error", 5, [("op:FindItem", 0, 5)]),
        ("user:mü", 7, [('user:"Anna Müller"', 0, 7)]),
        ('user:"anna mü', 13, [('user:"Anna Müller"', 0, 13)]),
        ("code:busy", 9, [("code:ErrorServerBusy", 0, 9)]),
        ("(is:err", 7, [("is:error", 1, 7)]),
        ("body:x", 6, []),
    ],
)
def test_completed(text: str, cursor: int, completions: list[tuple[str, int, int]]) -> None:
    found = complete(text, cursor, KNOWN)
    assert [(each.text, each.start, each.end) for each in found] == completions


@given(st.text(max_size=30), st.integers(0, 30))
def test_whatever_is_typed_is_completed_with_what_is_understood(text: str, cursor: int) -> None:
    for each in complete(text, min(cursor, len(text)), KNOWN):
        assert 0 <= each.start <= each.end <= len(text)
        assert each.text.endswith(":") or canonical(parse(each.text))
