from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.body import BodyView
from engine.documents.body_syntax import Shape, body_text, shape_of
from engine.documents.lines import Role

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:Items><t:Id Id="AA="/>'
    "<t:Name>Jour fixe</t:Name></m:Items></s:Body></s:Envelope>"
)


def shown(view: BodyView) -> list[str]:
    return [view.line(index, view.width).text for index in range(len(view))]


def view_of(text: str, width: int = 80) -> BodyView:
    view = BodyView(text, shape_of(text), width)
    while not view.complete:
        view.grow()
    return view


def test_elements_stand_under_each_other() -> None:
    assert shown(view_of(ENVELOPE)) == [
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">',
        "  <s:Body>",
        "    <m:Items>",
        '      <t:Id Id="AA="/>',
        "      <t:Name>Jour fixe</t:Name>",
        "    </m:Items>",
        "  </s:Body>",
        "</s:Envelope>",
    ]


def test_what_is_longer_than_a_line_goes_on_in_the_next() -> None:
    view = view_of(f"<a><b>{'x' * 60}</b></a>", 40)
    assert shown(view) == ["<a>", f"  <b>{'x' * 35}", f"  {'x' * 25}</b>", "</a>"]
    assert view.line(2, 40).spans[-2].role is Role.TAG


def test_a_value_that_goes_on_in_the_next_row_is_coloured_in_both() -> None:
    view = view_of(f'<a b="{"x" * 30}"/>', 24)
    roles = [[span.role for span in view.line(index, 24).spans if "x" in span.text] for index in range(len(view))]
    assert roles == [[Role.VALUE], [Role.VALUE]]


def test_folding_hides_what_is_inside_and_says_how_much() -> None:
    view = view_of(ENVELOPE)
    assert view.toggle(4) == 2
    assert shown(view)[2:] == ["    <m:Items> … 2 lines … </m:Items>", "  </s:Body>", "</s:Envelope>"]
    assert view.toggle(1) == 1
    assert shown(view)[1:] == ["  <s:Body> … 4 lines … </s:Body>", "</s:Envelope>"]
    assert view.toggle(1) == 1
    assert len(view) == 5
    view.unfold_all()
    assert len(view) == 8


def test_a_search_goes_round_and_unfolds_what_it_finds() -> None:
    view = view_of(ENVELOPE)
    view.toggle(1)
    assert view.search("JOUR") == 1
    assert view.hit(0, 1) == 4
    assert [span.text for span in view.line(4, 80).spans if span.role is Role.FOUND] == ["Jour"]
    assert view.hit(5, 1) == 4
    assert view.hit(0, -1) == 4
    assert view.search("nowhere") == 0
    assert view.hit(0, 1) is None


def test_something_found_across_two_rows_is_marked_in_both() -> None:
    view = view_of("x" * 19 + "needle" + "y" * 10, 22)
    view.search("needle")
    found = [[span.text for span in view.line(i, 22).spans if span.role is Role.FOUND] for i in range(len(view))]
    assert found == [["nee"], ["dle"]]


def test_a_place_in_the_text_stays_while_the_width_changes() -> None:
    text = f"<a><b>{'x' * 200}</b><c>here</c></a>"
    narrow, wide = view_of(text, 30), view_of(text, 120)
    index = next(i for i, line in enumerate(shown(narrow)) if "here" in line)
    found = wide.position(narrow.line(index, 30).key)
    assert found is not None
    assert "here" in shown(wide)[found]


def test_nothing_in_a_body_reaches_the_terminal_as_a_command() -> None:
    view = view_of("<a>\x1b]0;title\x07\u202eabc\u200b\x9b</a>")
    assert shown(view) == ["<a>␛]0;title␇�abc��</a>"]


@given(text=st.text(max_size=200), width=st.integers(1, 50))
def test_every_character_is_shown_once(text: str, width: int) -> None:
    view = BodyView(text, Shape.RAW, width)
    lines = [view.line(index, width) for index in range(len(view))]
    starts = [int(line.key) for line in lines]
    shown_here = [text[start:end].removesuffix("\n") for start, end in pairwise([*starts, len(text)])]
    assert "".join(shown_here) == text.replace("\n", "")
    assert [len(line.text) for line in lines] == [len(each) for each in shown_here]


@pytest.mark.slow
@given(folds=st.lists(st.integers(0, 30), max_size=12))
def test_lines_and_places_agree_whatever_is_folded(folds: list[int]) -> None:
    text = "<a>" + "<b><c><d/><d/></c><c><d/></c></b>" * 3 + "</a>"
    view = view_of(text)
    for index in folds:
        if index < len(view):
            view.toggle(index)
    keys = [view.line(index, 80).key for index in range(len(view))]
    assert [view.position(key) for key in keys] == list(range(len(keys)))


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("ä".encode(), "text/xml; charset=utf-8", "ä"),
        ("ä".encode("latin-1"), 'text/xml; charset="iso-8859-1"', "ä"),
        (b"\xe4", "text/xml", "\\xe4"),
        (b"a", "text/xml; charset=hex", "a"),
        (b"a", "text/xml; charset=no-such", "a"),
        ("ä".encode("utf-16"), "text/xml", "ä"),
    ],
)
def test_bytes_become_text(data: bytes, content_type: str, text: str) -> None:
    assert body_text(data, content_type) == text


def test_the_shape_is_told_by_the_beginning() -> None:
    assert shape_of("\ufeff\r\n<a/>") is Shape.XML
    assert shape_of(' {"a": 1}') is Shape.JSON
    assert shape_of("Service Unavailable") is Shape.RAW
    assert shape_of("") is Shape.RAW
