import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.exchange.ews.safe_xml import parse, text_of
from engine.exchange.ews.soap import response_messages
from engine.exchange.failures import NotUnderstood
from tests.exchange.ews.wire import found, item

BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">'
    b'<!ENTITY z "&y;&y;&y;&y;&y;&y;&y;&y;">]><a>&z;</a>'
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"\x00\x01\x02",
        b"<html><body><p>Sign in<br></body></html>",
        b"<a>",
        b"<a><b></a></b>",
        b"<a/><b/>",
        b"<a>&undeclared;</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b"<a>" * 5000 + b"</a>" * 5000,
    ],
)
def test_what_is_no_whole_and_harmless_document_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse(body)


def test_comments_and_processing_instructions_are_not_there() -> None:
    root = parse(b"<a><!-- x --><?y z?><b>one<!-- x --> two</b></a>")
    assert len(root) == 1
    assert text_of(root, "b") == "one two"


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.99])
def test_answer_that_was_cut_off_is_never_taken_for_a_shorter_one(cut: float) -> None:
    whole = found(*(item(str(number)) for number in range(20)))
    with pytest.raises(NotUnderstood):
        response_messages(whole[: int(len(whole) * cut)])


@given(st.binary(max_size=300))
@example(b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>")
@example(b"\xef\xbb\xbf<a/>")
@example(b"<?xml version='1.0' encoding='utf-16'?><a/>")
def test_no_bytes_raise_anything_but_a_named_failure(body: bytes) -> None:
    with contextlib.suppress(NotUnderstood):
        response_messages(body)


@given(st.data())
def test_no_damage_to_an_answer_raises_anything_but_a_named_failure(data: st.DataObject) -> None:
    body = bytearray(found(item("A", Subject="Plan"), item("B")))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(NotUnderstood):
        response_messages(bytes(body))
