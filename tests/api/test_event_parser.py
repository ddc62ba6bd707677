"""The event parser understands what WHATWG HTML, 9.2.6, says, however the bytes are split."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import event_parser
from engine.api.errors import AnswerNotUnderstood
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


def fed(*pieces: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.slow
@given(
    st.lists(st.integers(0, 2 * len(STREAM)), max_size=20),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_cut_anywhere_with_any_line_end(places: list[int], end_of_line: bytes, mark: bytes) -> None:
    stream = mark + STREAM.replace(b"\n", end_of_line)
    edges = [0, *sorted(places), len(stream)]
    assert fed(*(stream[start:end] for start, end in itertools.pairwise(edges))) == EVENTS


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\n", b"\r", b"data:", b"id: "]), max_size=30))
def test_any_bytes_have_a_meaning(pieces: list[bytes]) -> None:
    assert fed(*pieces) == fed(b"".join(pieces))


def test_what_is_not_complete_waits() -> None:
    parser = EventParser()
    assert parser.feed(b"id: b-1\nevent: users\ndata: {}\n") == []
    assert parser.feed(b"\n") == [ServerEvent("b-1", "users", b"{}")]
    assert parser.feed(b"\n") == []


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\ndata:b\ndata:  c\n\n", [ServerEvent("", "message", b"a\nb\n c")]),
        (b"data\n\n", [ServerEvent("", "message", b"")]),
        (b"event: users\n\ndata: a\n\n", [ServerEvent("", "message", b"a")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [ServerEvent("7", "message", b"a"), ServerEvent("7", "message", b"b")]),
        (b"id: 7\n\ndata: a\n\n", [ServerEvent("7", "message", b"a")]),
        (b"id: 7\ndata: a\nid\n\n", [ServerEvent("", "message", b"a")]),
        (b"id: 7\nid: 8\0\nid: \xff\nid: a b\nid: \x0b\ndata: a\n\n", [ServerEvent("7", "message", b"a")]),
        (b"retry: 9\nother: x\nDATA: b\ndata : b\ndata: a\n\n", [ServerEvent("", "message", b"a")]),
        (b"event: \xff\ndata: \xff\n\n", [ServerEvent("", "\ufffd", b"\xff")]),
        (b": still here\n\n: still here\n\n", []),
    ],
    ids=[
        "several lines",
        "empty data",
        "no data",
        "the id stays",
        "an id alone",
        "no id any more",
        "ids that no header can carry",
        "other fields",
        "not UTF-8",
        "comments",
    ],
)
def test_fields(stream: bytes, events: list[ServerEvent]) -> None:
    assert fed(stream) == events


@pytest.mark.parametrize("event", [b"data: " + b"x" * 100, b"data: 123456789\n" * 11, b": " + b"x" * 100])
def test_an_event_that_is_too_large(event: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_parser, "LARGEST_EVENT", 98)
    parser = EventParser()
    assert parser.feed(b"data: 1\n\n" * 100) == [ServerEvent("", "message", b"1")] * 100
    pieces = (event[start : start + 5] for start in range(0, len(event), 5))
    with pytest.raises(AnswerNotUnderstood):
        list(map(parser.feed, pieces))
