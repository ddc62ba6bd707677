"""Any subject is transferred: literally if XML allows it, else as references."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from engine.simulator.exchange.soap import TYPES, T, serialize

CONTROLS = [*(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"), *"\ud83c\udf89\ufffe\uffff"]
LEGAL = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")).filter(
    lambda text: not any(ord(character) >= 0x10FF00 for character in text)
)


@given(LEGAL)
def test_legal_text_goes_there_and_back(text: str) -> None:
    assert etree.fromstring(serialize(T("Subject", text))).text == (text or None)


@given(before=LEGAL, control=st.sampled_from(CONTROLS), after=LEGAL)
def test_a_control_character_alone_becomes_a_reference(before: str, control: str, after: str) -> None:
    document = serialize(T("Subject", before + control + after))
    reference = f"&#x{ord(control):X};".encode()
    assert document.count(reference) == 1
    assert etree.fromstring(document.replace(reference, b"")).text == (before + after or None)


def test_an_added_element_is_like_one_that_is_made() -> None:
    made, added = T("Item", T("Subject", "a\x01 & b")), T("Item")
    T.add(added, "Subject", "a\x01 & b")
    assert serialize(made) == serialize(added)
    assert made[0].tag == f"{{{TYPES}}}Subject"
