"""Indented XML is the same XML, except for white space between elements."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from engine.debuglog.pretty_xml import pretty

names = st.sampled_from([b"a", b"t:Item", b"m:Body", b"s:x-1"])
texts = st.sampled_from([b"text", b" ", b"\n  ", b"a &amp; b", b"<![CDATA[<x>]]>", b"  padded  ", "Grüße".encode()])
attributes = st.sampled_from([b"", b' k="v"', b" k='a > b'", b' xml:space="preserve"', b' k="/"'])


@st.composite
def elements(draw: st.DrawFn, inside: st.SearchStrategy[bytes]) -> bytes:
    name, more = draw(names), draw(attributes)
    content = b"".join(draw(st.lists(inside, max_size=4)))
    return b"<%b%b>%b</%b>" % (name, more, content, name)


contents = st.recursive(texts | st.just(b"<e/>") | st.just(b"<!-- c -->"), elements, max_leaves=20)
documents = elements(contents).map(
    lambda inside: b'<?xml version="1.0"?><r xmlns:t="1" xmlns:m="2" xmlns:s="3">%b</r>' % inside
)


def significant(node: etree._Element) -> object:
    """An element with all that matters; white space counts where there is a text or nothing but it."""
    children = [significant(child) for child in node]
    around = [node.text or "", *(child.tail or "" for child in node)]
    holds_text = any(part.strip() for part in around) or node.get("{http://www.w3.org/XML/1998/namespace}space")
    kept = around if holds_text or not any(isinstance(child.tag, str) for child in node) else None
    return str(node.tag), node.prefix, sorted(node.attrib.items()), kept, children


@pytest.mark.slow
@given(documents)
def test_only_white_space_between_elements_is_different(document: bytes) -> None:
    before, after = etree.fromstring(document), etree.fromstring(pretty(document))
    assert significant(before) == significant(after)
    assert re.sub(rb"\s", b"", pretty(document)) == re.sub(rb"\s", b"", document)


@pytest.mark.slow
@given(
    st.binary(max_size=80) | st.text("<>/ab \"'!-[]?", max_size=60).map(str.encode) | documents.map(lambda d: d[:70])
)
def test_whatever_it_is_no_byte_is_lost(body: bytes) -> None:
    assert re.sub(rb"\s", b"", pretty(body)) == re.sub(rb"\s", b"", body)


@pytest.mark.parametrize("body", [b"", b"plain text", b'{"a": 1}', b"<a></b>", b"</a>"])
def test_what_is_no_xml_stays_as_it_is(body: bytes) -> None:
    assert pretty(body) == body


def test_how_it_looks() -> None:
    body = b'<s:E xmlns:s="x"><s:B>\n<m:C/><m:D>text</m:D><m:F> <b/> mixed</m:F></s:B></s:E>'
    assert pretty(body).decode().splitlines() == [
        '<s:E xmlns:s="x">',
        "  <s:B>",
        "    <m:C/>",
        "    <m:D>text</m:D>",
        "    <m:F> <b/> mixed</m:F>",
        "  </s:B>",
        "</s:E>",
    ]
