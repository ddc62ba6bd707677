"""A malformed certificate is described as far as possible, with nothing in it shown raw."""

import pytest

from engine.simulator.certificates import CertificateAuthority
from engine.tls.certificate import described
from tests.support.hostile import harm_in

KEY_USAGE, SUBJECT_KEY = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d0e")
NAMES, BASIC = bytes.fromhex("0603551d11"), bytes.fromhex("0603551d13")
VERSION_3, VERSION_6 = bytes.fromhex("a003020102"), bytes.fromhex("a003020105")


@pytest.fixture(scope="module")
def shown() -> bytes:
    return CertificateAuthority("Some CA").issue("mail.corp.example").der


@pytest.mark.parametrize(
    ("was", "is_now"), [(VERSION_3, VERSION_6), (NAMES, KEY_USAGE), (BASIC, KEY_USAGE), (b"\x30\x82", b"\x31\x82")]
)
def test_what_is_no_certificate_is_none(shown: bytes, was: bytes, is_now: bytes) -> None:
    assert described(shown) is not None
    assert was in shown
    assert described(shown.replace(was, is_now, 1)) is None


@pytest.mark.parametrize("sign", [b"\x1b", b"\n", b"\x07", b"\0"])
def test_no_text_of_it_controls_a_terminal(shown: bytes, sign: bytes) -> None:
    harmful = shown.replace(b"Some CA", b"Some" + sign + b"CA").replace(b"mail.corp", b"mail" + sign + b"corp")
    found = described(harmful)
    assert found is not None
    assert "Some" in found.issuer
    assert all(harm_in(line) == [] for line in (*found.lines, found.common_name, *found.names))


def test_only_so_much_of_it_is_looked_at() -> None:
    found = described(CertificateAuthority().issue(*(f"host{number}.corp.example" for number in range(500))).der)
    assert found is not None
    assert len(found.names) == 100
