"""The event parser returns the same events however the bytes are split."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.event_parser import EventParser, ServerEvent

STREAM = (
    b'id: b-0\nevent: snapshot\ndata: {"users":[1,2]}\n\n'
    b": still here\n\n"
    b'id: b-1\nevent: changes\ndata: {"label":"a: b"}\n\n'
    b"id: b-2\nevent: users\ndata: {}\n\n"
)
EVENTS = [
    ServerEvent("b-0", "snapshot", b'{"users":[1,2]}'),
    ServerEvent("b-1", "changes", b'{"label":"a: b"}'),
    ServerEvent("b-2", "users", b"{}"),
]


@pytest.mark.slow
@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_cut_anywhere(places: list[int]) -> None:
    parser = EventParser()
    found: list[ServerEvent] = []
    edges = [0, *sorted(places), len(STREAM)]
    for start, end in itertools.pairwise(edges):
        found += parser.feed(STREAM[start:end])
    assert found == EVENTS


def test_what_is_not_complete_waits() -> None:
    parser = EventParser()
    assert parser.feed(b"id: b-1\nevent: users\ndata: {}\n") == []
    assert parser.feed(b"\n") == [ServerEvent("b-1", "users", b"{}")]
    assert parser.feed(b"\n") == []
