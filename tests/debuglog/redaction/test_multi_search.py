"""The multi-pattern search finds every occurrence, whatever portions a body is searched in."""

from itertools import pairwise
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from engine.debuglog.redaction import multi_search
from engine.debuglog.redaction.multi_search import MultiSearch

WORDS = (b"ab", b"ba", b"bcab", b"c", b"aaaa")
FOUND = MultiSearch(WORDS)


@given(st.text("abcx", max_size=80).map(str.encode), st.integers(1, 30))
def test_parts_make_no_difference(body: bytes, at_once: int) -> None:
    with mock.patch.object(multi_search, "AT_ONCE", at_once):
        assert list(FOUND.everywhere(body)) == sorted(
            (at, word) for word in WORDS for at in range(len(body)) if body.startswith(word, at)
        )
        assert FOUND.are_in(body) == any(word in body for word in WORDS)
        in_parts = list(FOUND.where(body))
    assert in_parts == list(FOUND.where(body))
    assert all(first + len(word) <= second for (word, first), (_, second) in pairwise(in_parts))
