"""Tests of what is meant by what was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings.corrections import correction
from engine.settings.keys import KEYS
from engine.settings.parsers import InvalidValue


@pytest.mark.parametrize(
    ("key", "typed", "meant"),
    [
        (
            "pbx.host",
            "https://pbx.example:8443/x",
            {"pbx.host": "pbx.example", "pbx.port": 8443, "pbx.tls": True},
        ),
        ("pbx.host", "https://pbx.corp.example", {"pbx.host": "pbx.corp.example", "pbx.port": 443, "pbx.tls": True}),
        ("pbx.host", "http://10.1.4.20/", {"pbx.host": "10.1.4.20", "pbx.port": 80, "pbx.tls": False}),
        ("pbx.host", "pbx.corp.example:8443", {"pbx.host": "pbx.corp.example", "pbx.port": 8443}),
        ("pbx.host", "[2001:db8::1]:8443", {"pbx.host": "2001:db8::1", "pbx.port": 8443}),
        ("pbx.host", "pbx.corp.example/PBX0/ADMIN", {"pbx.host": "pbx.corp.example"}),
        ("exchange.ews_url", "mail.corp.example", {"exchange.ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}),
        ("exchange.ews_url", "http://mail/owa", {"exchange.ews_url": "https://mail/EWS/Exchange.asmx"}),
        ("pbx.host", "pbx.corp.example", None),
        ("pbx.host", "https://", None),
        ("pbx.host", "https://pbx:99999", None),
        ("pbx.host", "the pbx", None),
        ("exchange.user", "svc", None),
    ],
)
def test_what_is_meant(key: str, typed: str, meant: dict[str, object] | None) -> None:
    assert correction(key, typed) == meant


@pytest.mark.property
@given(st.sampled_from(["pbx.host", "exchange.ews_url", "exchange.autodiscover_url"]), st.text())
def test_a_correction_is_valid_and_needs_no_other(key: str, typed: str) -> None:
    meant = correction(key, typed)
    for name, value in (meant or {}).items():
        assert not isinstance(KEYS[name].parse(value), InvalidValue)
        assert correction(name, str(value)) is None or not isinstance(value, str)
