"""Which texts of the PBX are addresses of Exchange mailboxes, for domains in any script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.addresses import is_smtp_address, smtp_address
from tests.support.hostile import HOSTILE, LONG

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@corp.example", "anna@corp.example"),
        ("Anna@Corp.Example.", "Anna@Corp.Example"),
        ("anna@münchen.example", "anna@xn--mnchen-3ya.example"),
        ("Anna@MÜNCHEN.Example", "Anna@xn--mnchen-3ya.example"),
        ("anna@mu\u0308nchen.example", "anna@xn--mnchen-3ya.example"),
        ("anna@straße.example", "anna@xn--strae-oqa.example"),
        ("anna@例え.example", "anna@xn--r8jz45g.example"),
        ("anna@ｃorp.example", ""),
        ("anna@mün chen.example", ""),
        ("anna@mün_chen.example", ""),
        ("anna@ü..example", ""),
        (f"anna@{'ü' * 250}.example", ""),
        ("jörg@corp.example", ""),
        ("anna", ""),
        ("@münchen.example", ""),
        (f"anna@{HOSTILE}münchen.example", ""),
        (f"anna@{LONG}", ""),
        ("anna@\ud83d.example", ""),
    ],
)
def test_a_domain_is_meant_as_it_is_registered(text: str, address: str) -> None:
    assert smtp_address(text) == address


@given(st.text(st.characters(codec=None, categories=None)) | st.emails())
def test_whatever_it_is_the_result_is_an_address_or_nothing(text: str) -> None:
    address = smtp_address(text)
    assert address == "" or is_smtp_address(address)
    assert smtp_address(address) == address
