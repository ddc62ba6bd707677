"""Each certificate problem has its own explanation, with nothing shown raw."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tls.certificate import Certificate, described
from engine.tls.verdict import EXPIRED, NOT_YET_VALID, SELF_SIGNED, SELF_SIGNED_IN_CHAIN, Server, verdict

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SERVER = Server("PBX", "pbx.example", "pbx.example:443", "pbx.ca_file", "pbx.host")
GOOD = Certificate(
    fingerprint="AB:CD",
    subject="CN=pbx.example",
    issuer="CN=CA",
    names=("pbx.example",),
    common_name="pbx.example",
    begins=NOW - timedelta(days=1),
    ends=NOW + timedelta(days=1),
)
EARLY_ONE = replace(GOOD, begins=NOW + timedelta(days=1))
EXPIRED_ONE = replace(GOOD, ends=NOW - timedelta(days=30))
OTHERS = replace(GOOD, names=("a.example", "b.example"))


@pytest.mark.parametrize(
    ("code", "shown", "meaning", "remedy"),
    [
        (EXPIRED, EXPIRED_ONE, "The PBX certificate has expired", "Renew"),
        (EXPIRED, None, "The PBX certificate has expired", "Renew"),
        (SELF_SIGNED, EXPIRED_ONE, "The PBX certificate has expired", "Renew"),
        (20, EXPIRED_ONE, "The PBX certificate has expired", "Renew"),
        (EXPIRED, GOOD, "A CA certificate above the PBX certificate is not valid at present", "CA"),
        (NOT_YET_VALID, None, "The PBX certificate is not valid yet", "clocks"),
        (
            NOT_YET_VALID,
            replace(GOOD, begins=NOW + timedelta(days=1)),
            "The PBX certificate is not valid yet",
            "",
        ),
        (62, OTHERS, "The PBX certificate is for other names", "pbx.host"),
        (64, OTHERS, "The PBX certificate is for other names", "pbx.host"),
        (62, replace(GOOD, names=()), "The PBX certificate has no alternative names", "SAN"),
        (SELF_SIGNED, GOOD, "The PBX certificate is self-signed", "pbx.ca_file"),
        (
            SELF_SIGNED_IN_CHAIN,
            GOOD,
            "The PBX certificate was issued by a CA that is not trusted here",
            '"CN=CA"',
        ),
        (20, GOOD, "The PBX certificate was issued by a CA that is not trusted here", "intermediate"),
        (21, None, "The PBX certificate was issued by a CA that is not trusted here", "pbx.ca_file"),
        (23, GOOD, "The PBX certificate is not trusted", "revoked"),
        (68, GOOD, "The PBX certificate is not trusted", "SHA-256"),
    ],
)
def test_what_is_wrong(code: int, shown: Certificate | None, meaning: str, remedy: str) -> None:
    found = verdict(SERVER, code, "as OpenSSL has it", shown, NOW)
    assert found.meaning == meaning
    assert remedy in found.remedy
    assert found.detail.startswith("pbx.example:443: as OpenSSL has it")
    assert shown is None or f"until {shown.ends:%Y-%m-%d}" in found.detail


def test_the_names_are_told() -> None:
    assert "for a.example, b.example, issued by CN=CA" in verdict(SERVER, 62, "", OTHERS, NOW).detail


@pytest.mark.slow
@given(st.integers(0, 100), st.text(max_size=500), st.lists(st.text(max_size=300), max_size=30))
def test_nothing_of_a_certificate_is_shown_raw_or_at_any_length(code: int, name: str, names: list[str]) -> None:
    shown = replace(GOOD, subject=name, issuer=name, names=tuple(names))
    found = verdict(SERVER, code, "x", shown, NOW)
    assert found.detail.isprintable()
    assert found.remedy.isprintable()
    assert len(found.detail) < 4000


@given(st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_none(der: bytes) -> None:
    assert described(der) is None
