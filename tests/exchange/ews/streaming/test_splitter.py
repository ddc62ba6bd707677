"""The splitter returns whole envelopes however the bytes are split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.streaming.protocol import EnvelopeSplitter

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'

prefixes = st.sampled_from(["", "s:", "soap11:", "Envelope:", "ü:"])
texts = st.text(st.characters(blacklist_characters="<&>", blacklist_categories=["Cs"]))


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    prefix = draw(prefixes)
    blank = draw(st.sampled_from(["", " ", "\n"]))
    declaration = draw(st.sampled_from(["", DECLARATION]))
    body = f"<{prefix}Body><EnvelopeX>{draw(texts)}</EnvelopeX></{prefix}Body>"
    return f"{declaration}<{prefix}Envelope>{body}</{prefix}Envelope{blank}>".encode()


def cut(content: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(bounds)]


@pytest.mark.slow
@given(st.lists(envelopes(), max_size=6), st.lists(st.integers(0, 10**6), max_size=20))
def test_any_chunking_gives_the_same_envelopes(documents: list[bytes], places: list[int]) -> None:
    splitter = EnvelopeSplitter()
    found = [envelope for chunk in cut(b"\r\n".join(documents), places) for envelope in splitter.feed(chunk)]
    assert found == documents


@pytest.mark.slow
@given(st.lists(envelopes(), max_size=3))
def test_byte_by_byte(documents: list[bytes]) -> None:
    splitter = EnvelopeSplitter()
    content = b"".join(documents)
    assert [found for byte in content for found in splitter.feed(bytes([byte]))] == documents


def test_an_envelope_comes_out_with_its_last_byte() -> None:
    splitter = EnvelopeSplitter()
    assert list(splitter.feed(b"<a:Envelope></a:Envelope")) == []
    assert list(splitter.feed(b"><a:Env")) == [b"<a:Envelope></a:Envelope>"]
    assert list(splitter.feed(b"elope/></a:Envelope>")) == [b"<a:Envelope/></a:Envelope>"]


def test_what_never_ends_is_refused() -> None:
    splitter = EnvelopeSplitter(limit=1000)
    assert list(splitter.feed(b"<Envelope>" + b"x" * 900 + b"</Envelope>")) != []
    for _ in range(10):
        assert list(splitter.feed(b"<p>" + b"x" * 97)) == []
    with pytest.raises(NotUnderstood):
        list(splitter.feed(b"x"))


@given(st.lists(st.binary(max_size=50)))
def test_any_bytes_are_taken(chunks: list[bytes]) -> None:
    splitter = EnvelopeSplitter()
    found = [envelope for chunk in chunks for envelope in splitter.feed(chunk)]
    assert all(envelope.rstrip().endswith(b">") for envelope in found)
