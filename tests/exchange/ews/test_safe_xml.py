import contextlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.safe_xml import parse, text_of
from engine.exchange.ews.soap import response_messages
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


PARTY = "🎉"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&#xD83C;", " "),
        ("&#55356;", " "),
        ("&#xDF89;", " "),
        ("&#xd83c;&#xdf89;", PARTY),
        ("&#55356;&#57225;", PARTY),
        ("&#xD83C;&#57225;", PARTY),
        ("&#x0000D83C;&#x00DF89;", PARTY),
        ("&#xD83C;&#xD83C;&#xDF89;&#xDF89;", f" {PARTY} "),
        ("&#xDF89;&#xD83C;", "  "),
        ("&#0;", " "),
        ("&#x0;", " "),
        ("&#x1F;", " "),
        ("&#31;", " "),
        ("&#xFFFE;", " "),
        ("&#65535;", " "),
        ("&#x110000;", " "),
        ("&#4294967296;", " "),
        ("\x00", " "),
        ("\x1f", " "),
        ("\ufffe", " "),
        ("&#x1F389;", PARTY),
        ("&#xE4;&amp;#xD83C;&lt;", "ä&#xD83C;<"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252"])
def test_characters_that_xml_cannot_hold_become_blanks_and_pairs_their_character(
    written: str, read: str, encoding: str
) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-le").removesuffix("-be")}"?>'
    body = f"{declared}<a><b>x{written}y</b></a>".encode(encoding, "xmlcharrefreplace")
    assert parse(body).findtext("b") == f"x{read}y"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"\xff\xfe", "  "),
        (b"M\xfcller", "M ller"),
        (b"\xed\xa0\xbc\xed\xbe\x89", PARTY),
        (b"\xed\xa0\xbc", " "),
        (b"\xff\xed\xa0\xbc\xed\xbe\x89\xed\xa0\xbc", f" {PARTY} "),
        (b"&#xD83C;\xed\xbe\x89", PARTY),
        ("ä".encode() + b"\x80", "ä "),
    ],
)
@pytest.mark.parametrize("declaration", [b"", b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="utf-16"?>'])
def test_bytes_outside_the_encoding_become_blanks(written: bytes, read: str, declaration: bytes) -> None:
    assert text_of(parse(declaration + b"<a><b>x" + written + b"y</b></a>"), "b") == f"x{read}y"


def test_half_of_a_pair_in_a_document_of_utf_16_is_a_blank() -> None:
    whole = "<a><b>x\ud83cy</b></a>".encode("utf-16-be", "surrogatepass")
    assert parse(b"\xfe\xff" + whole).findtext("b") == "x y"
    assert parse(b"\xfe\xff" + whole + b"\x00").findtext("b") == "x y"


def test_what_cannot_be_held_stands_anywhere_in_a_document() -> None:
    root = parse(b'<a one="&#xD83C;&#xDF89;"><b><![CDATA[\x1f]]></b></a>')
    assert (root.get("one"), root.findtext("b")) == (PARTY, " ")


@pytest.mark.parametrize("bomb", [BOMB, b'<!DOCTYPE a [<!ENTITY x "ha">]><a>&x;</a>', b"<!DOCTYPE a><a/>"])
def test_what_is_mended_may_do_no_more_than_anything_else(bomb: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse(bomb.replace(b"</a>", b"&#xD83C;</a>").replace(b"<a/>", b"<a>&#xD83C;</a>"))
    with pytest.raises(NotUnderstood):
        parse(bomb.decode().replace("</a>", "&#xD83C;</a>").encode("utf-16"))


@pytest.mark.parametrize("body", [b'<a xmlns="relative"/>', b'<a xml:space="odd"/>', b'<?xml version="1.1"?><a/>'])
def test_a_warning_of_the_parser_is_no_reason_to_refuse(body: bytes) -> None:
    assert len(parse(body)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"\x00", b"&#0;", b"&#xD83C;&#xDF89;", b"\xff", b"\xed\xa0\xbc"])
def test_no_more_is_mended_than_any_calendar_holds(piece: bytes) -> None:
    some, too_many = (b"<a>" + piece * count + b"&#0;</a>" for count in (1000, 220_000))
    assert parse(some).text
    with pytest.raises(NotUnderstood):
        parse(too_many)


def test_a_large_document_is_not_mended() -> None:
    with pytest.raises(NotUnderstood):
        parse(b"<a>" + b"x" * (4 * 1024 * 1024) + b"&#0;</a>")


@given(st.text(st.one_of(st.characters(), st.sampled_from("<&;#x\x00\ud83c\udf89\ufffe")), max_size=60))
def test_any_text_can_be_read_as_it_is_but_for_what_xml_cannot_hold(text: str) -> None:
    escaped = "".join(f"&#x{ord(each):X};" for each in text)
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    expected = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", expected)
    read = parse(f"<a>{escaped}</a>".encode()).text or ""
    assert read.replace("\ufffd", " ") == expected.replace("\ufffd", " ")


@given(st.binary(max_size=300))
@example(b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>")
@example(b"\xef\xbb\xbf<a/>")
@example(b"<?xml version='1.0' encoding='utf-16'?><a/>")
def test_no_bytes_raise_anything_but_a_named_failure(body: bytes) -> None:
    with contextlib.suppress(NotUnderstood):
        response_messages(body)


@pytest.mark.slow
@given(st.data())
def test_no_damage_to_an_answer_raises_anything_but_a_named_failure(data: st.DataObject) -> None:
    body = bytearray(found(item("A", Subject="Plan"), item("B")))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(NotUnderstood):
        response_messages(bytes(body))
