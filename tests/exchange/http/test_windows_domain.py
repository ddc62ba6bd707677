"""The Windows domain of a server is read from its challenge, whatever that holds."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.http.windows_domain import WindowsDomain, domain_told

CORP = WindowsDomain("CORP", "corp.example")


def challenge(*pairs: tuple[int, str], before: bytes = b"") -> bytes:
    """Return a challenge (MS-NLMP 2.2.1.2) with these texts as AV_PAIRs, within something else if there is any."""
    values = [(kind, text.encode("utf-16-le")) for kind, text in pairs]
    info = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in values) + bytes(4)
    head = b"NTLMSSP\0" + struct.pack("<IHHIIQ8xHHI", 2, 0, 0, 56, 0x8A0205, 1, len(info), len(info), 56)
    return before + head + bytes(8) + info


def told(message: bytes, scheme: str = "NTLM") -> WindowsDomain | None:
    return domain_told({"www-authenticate": f"{scheme} {base64.b64encode(message).decode()}"}, scheme)


NAMED = challenge((2, "CORP"), (1, "EXCHANGE01"), (4, "corp.example"), (3, "exchange01.corp.example"))


def test_the_domain_is_told_by_both_names() -> None:
    assert told(NAMED) == CORP
    assert told(challenge((2, "CORP"), (4, "corp.example"), before=b"\xa1\x82\x01\x23"), "Negotiate") == CORP
    assert told(challenge((2, "CORP"), (4, "not a name"))) == WindowsDomain("CORP", "")


@pytest.mark.parametrize("name", ["", "CO\\RP", "A B", "CO\x1bRP", "@", "\u202eCORP", "SIXTEEN-LETTERS-", "a:b"])
def test_what_is_no_name_of_a_domain_is_not_taken_for_one(name: str) -> None:
    assert told(challenge((2, name), (4, "corp.example"))) is None


@pytest.mark.slow
@given(st.binary(max_size=80) | st.integers(0, len(NAMED)).map(lambda end: NAMED[:end]))
def test_anything_but_a_challenge_tells_nothing(message: bytes) -> None:
    assert told(message) in (None, CORP, WindowsDomain("CORP", ""))
    assert domain_told({"www-authenticate": "NTLM"}, "NTLM") is None


def test_an_account_is_named_as_in_the_domain() -> None:
    for user in ("svc@mail.example", "OTHER\\svc", "svc"):
        assert not CORP.has(user)
        assert CORP.account(user) == "CORP\\svc"
    for user in ("svc@CORP.example", "corp\\svc", "corp.example\\svc"):
        assert CORP.has(user)
    assert not WindowsDomain("CORP", "").has("svc")
