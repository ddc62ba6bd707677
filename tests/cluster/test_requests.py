"""What a node asks of the others is understood by them, in notices that PostgreSQL takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.requests import ReadingRequest, reading_request

guids = st.lists(st.text(max_size=40) | st.text("0123456789abcdef", min_size=32, max_size=32), max_size=600)


@given(guids)
def test_all_that_is_asked_for_arrives_in_notices_that_are_short_enough(asked: list[str]) -> None:
    notices = list(ReadingRequest("a", "reresolve", asked).notices())
    heard = [request for request in map(reading_request, notices) if request is not None]
    assert all(len(notice.encode()) < 8000 and "\0" not in notice for notice in notices)
    assert len(heard) == len(notices)
    assert {(request.node, request.kind) for request in heard} <= {("a", "reresolve")}
    assert [guid for request in heard for guid in request.guids or ()] == asked


def test_everybody_is_asked_for_at_once() -> None:
    [notice] = ReadingRequest("b", "resync", None).notices()
    assert reading_request(notice) == ReadingRequest("b", "resync", None)


@pytest.mark.parametrize("notice", ["", "shards", "read", "read ", "read []", 'read ["a","erase",null]', "read \x00"])
def test_other_notices_ask_for_nothing(notice: str) -> None:
    assert reading_request(notice) is None
