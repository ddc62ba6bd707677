import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.body_syntax import (
    Cutter,
    Nesting,
    json_pieces,
    json_spans,
    whole_lines,
    xml_pieces,
    xml_spans,
)
from engine.documents.lines import Role

MARKUP = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "</",
            "/>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?",
            "?>",
            "<!DOCTYPE",
            "[",
            "]",
            '"',
            "'",
            "=",
            "&lt;",
            "a",
            "t:Item",
            " ",
            "\n",
            "é",
            "\x1b",
            "{",
            "}",
            ",",
            ":",
            "\\",
            '"a":',
            "1",
        ]
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("cut", [xml_pieces, json_pieces, whole_lines])
@given(text=st.one_of(st.text(max_size=60), MARKUP))
def test_pieces_are_the_text_but_for_white_space_between_them(cut: Cutter, text: str) -> None:
    place = 0
    for piece in cut(text):
        assert piece.start >= place
        assert not text[place : piece.start].strip() or (cut is whole_lines and text[place : piece.start] == "\n")
        place = piece.end
    assert not text[place:].strip()


@pytest.mark.slow
@given(text=st.one_of(st.text(max_size=60), MARKUP))
def test_coloured_parts_are_the_piece(text: str) -> None:
    assert "".join(span.text for span in xml_spans(text)) == text
    for piece in json_pieces(text):
        part = text[piece.start : piece.end]
        assert "".join(span.text for span in json_spans(part)) == part


def test_prefixes_attributes_entities_and_quotes_stay() -> None:
    text = """<?xml version='1.0'?>
    <s:A  xmlns:s='u:x'   b = "&#x41;&amp;>" ><!-- <c> --><s:B/><D> x &lt;
     y </D><E></E><![CDATA[<F>]]></s:A>"""
    pieces = [(text[p.start : p.end], p.nesting) for p in xml_pieces(text)]
    assert pieces == [
        ("<?xml version='1.0'?>", Nesting.STAYS),
        ("""<s:A  xmlns:s='u:x'   b = "&#x41;&amp;>" >""", Nesting.OPENS),
        ("<!-- <c> -->", Nesting.STAYS),
        ("<s:B/>", Nesting.STAYS),
        ("<D> x &lt;\n     y </D>", Nesting.STAYS),
        ("<E></E>", Nesting.STAYS),
        ("<![CDATA[<F>]]>", Nesting.STAYS),
        ("</s:A>", Nesting.CLOSES),
    ]


def test_a_body_that_was_cut_off_is_shown_to_its_end() -> None:
    text = '<a><b>1</b><c d="'
    assert [text[p.start : p.end] for p in xml_pieces(text)] == ["<a>", "<b>1</b>", '<c d="']
    text = '{"a": [1, "b'
    assert [text[p.start : p.end] for p in json_pieces(text)] == ["{", '"a": [', "1,", '"b']


def test_parts_have_roles() -> None:
    assert [(span.text, span.role) for span in xml_spans("""<t:A b='1'>x&amp;</t:A>""")] == [
        ("<t:A", Role.TAG),
        (" ", Role.PLAIN),
        ("b", Role.ATTRIBUTE),
        ("=", Role.PLAIN),
        ("'1'", Role.VALUE),
        (">", Role.TAG),
        ("x", Role.PLAIN),
        ("&amp;", Role.ENTITY),
        ("</t:A", Role.TAG),
        (">", Role.TAG),
    ]
    assert [span.role for span in json_spans('"a":null,')] == [Role.ATTRIBUTE, Role.TAG, Role.ENTITY, Role.TAG]


@pytest.mark.slow
@pytest.mark.parametrize("hostile", ["<!--", "<a", "<a b='", "<![CDATA[", "<!D[", "<?", "&a", "<", '"\\', "{[", '"a":'])
def test_no_text_takes_more_than_its_length_asks_for(hostile: str) -> None:
    """What begins again and again and never ends would take minutes if it were looked through from every beginning."""
    text = hostile * 50_000
    begun = time.process_time()
    for _ in xml_pieces(text):
        pass
    for _ in json_pieces(text):
        pass
    assert time.process_time() - begun < 5
