"""Values: what each parser makes of them, and what it refuses."""

import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.settings import addresses, values
from engine.core.settings.model import ExchangeType, ResolveWith
from engine.core.settings.values import Parser, Refusal
from engine.core.users import UserSelection


@pytest.mark.parametrize(
    ("parse", "value", "result"),
    [
        (values.flag, True, True),
        (values.Whole(1, 65535), 65535, 65535),
        (values.Number(0, 48), 0, 0.0),
        (values.Number(0, 48), 1.5, 1.5),
        (values.text, " PBX eins ", "PBX eins"),
        (values.text, "👩‍💻\N{NO-BREAK SPACE}x", "👩‍💻\N{NO-BREAK SPACE}x"),
        (values.text_or_nothing, " ", ""),
        (values.Choice(ResolveWith), "candidates", ResolveWith.CANDIDATES),
        (values.channel_binding, "auto", True),
        (values.channel_binding, "off", False),
        (values.everyone, "all", UserSelection()),
        (values.time_zone, "Europe/Vienna", ZoneInfo("Europe/Vienna")),
        (values.language, "de", "de"),
        (addresses.host, "pbx.example.com", "pbx.example.com"),
        (addresses.host, "pbx", "pbx"),
        (addresses.host, "192.0.2.1", "192.0.2.1"),
        (addresses.host, "[2001:db8::1]", "2001:db8::1"),
        (addresses.host, "bücher_1.example", "bücher_1.example"),
        (addresses.domain, "example.com", "example.com"),
        (addresses.listening_address, "::", "::"),
        (addresses.url_path, "/calendar/sync", "/calendar/sync"),
        (
            addresses.https_url,
            "https://mail.example.com/EWS/Exchange.asmx",
            "https://mail.example.com/EWS/Exchange.asmx",
        ),
        (addresses.https_url, "https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        (addresses.mail_address, "o'brien+x@mail.example.com", "o'brien+x@mail.example.com"),
        (addresses.account, "svc@example.com", "svc@example.com"),
        (addresses.account, r"CORP\calendar sync", r"CORP\calendar sync"),
        (addresses.contact, "calendar:", "calendar:"),
        (addresses.file, "/etc/ca.pem", Path("/etc/ca.pem")),
        (addresses.fingerprint, ":".join(["AB"] * 32), "ab" * 32),
        (addresses.guid, "00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000A"),
    ],
)
def test_a_right_value_is_read(parse: Parser, value: object, result: object) -> None:
    assert parse(value) == result


@pytest.mark.parametrize(
    ("parse", "value", "reason"),
    [
        (values.flag, "true", "must be true or false, not text"),
        (values.flag, 1, "must be true or false, not a whole number"),
        (values.Whole(1, 65535), True, "must be a whole number, not true or false"),
        (values.Whole(1, 65535), 443.0, "must be a whole number, not a number"),
        (values.Whole(1, 65535), 0, "is out of range"),
        (values.Whole(1, 65535), 65536, "is out of range"),
        (values.Whole(1, 65535), 10**60, "is out of range"),
        (values.Number(0, 48), -0.1, "is out of range"),
        (values.Number(0, 48), math.nan, "is out of range"),
        (values.Number(0, 48), math.inf, "is out of range"),
        (values.Number(0, 48), False, "must be a number, not true or false"),
        (values.text, "  ", "is empty"),
        (values.text, ["a"], "must be text, not a list"),
        (values.text, "CORP\x08ot", "contains a control character"),
        (values.Choice(ResolveWith), "Candidates", 'has an unknown value: "Candidates"'),
        (values.Choice(ResolveWith), 1, "must be text, not a whole number"),
        (values.Choice(ExchangeType), "cloud-graph", '= "cloud-graph" is not available in this version'),
        (values.channel_binding, True, "has an unknown value"),
        (values.everyone, ["all"], 'must be "all" or a table'),
        (values.time_zone, "europe/wien", 'is no IANA time zone: "europe/wien"'),
        (values.time_zone, "../../etc/passwd", 'is no IANA time zone: "../../etc/passwd"'),
        (values.language, "tlh", 'is no supported language: "tlh"'),
        (addresses.host, "https://pbx", 'is no host name: "https://pbx"'),
        (addresses.host, "pbx:443", 'is no host name: "pbx:443"'),
        (addresses.host, "192.0.2.256", 'is no host name: "192.0.2.256"'),
        (addresses.host, "a" * 64, f'is no host name: "{"a" * 59}…"'),
        (addresses.domain, "@example.com", 'is no domain: "@example.com"'),
        (addresses.listening_address, "localhost", 'is no IP address: "localhost"'),
        (addresses.url_path, "calendar", 'is no path of a URL: "calendar"'),
        (addresses.https_url, "http://mail.example.com", "does not begin with https://"),
        (addresses.https_url, "https://svc:hunter2@mail.example.com", "holds a user name"),
        (addresses.https_url, "https:///EWS", "has no valid host name"),
        (addresses.https_url, "https://mail.example.com/a b", "has no valid host name"),
        (addresses.https_url, "https://mail.example.com:99999/", "is no URL"),
        (addresses.https_url, "https://[::1/", "is no URL"),
        (addresses.mail_address, "office", 'is no e-mail address: "office"'),
        (addresses.account, "svc", 'is no account name: "svc"'),
        (addresses.account, r"CORP\svc@example.com", r'is no account name: "CORP\\svc@example.com"'),
        (addresses.contact, "tel:", '= "tel:" would overwrite what users and the PBX set themselves'),
        (addresses.contact, "calendar", 'is no presence contact: "calendar"'),
        (addresses.file, "ca.pem", 'is no absolute path: "ca.pem"'),
        (addresses.fingerprint, "ab" * 20, "is no SHA-256 fingerprint"),
        (addresses.guid, "contoso", 'is no GUID: "contoso"'),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(parse: Parser, value: object, reason: str) -> None:
    refusal = parse(value)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert refusal.remedy.endswith((".", "?"))


def test_an_unknown_word_is_answered_with_the_words_that_are_available() -> None:
    refusal = values.Choice(ExchangeType)("on-premise")
    assert refusal == Refusal('has an unknown value: "on-premise"', "Write one of: on-premises, cloud-ews.")


def test_a_zone_with_the_wrong_case_is_answered_with_the_right_one() -> None:
    refusal = values.time_zone("europe/berlin")
    assert isinstance(refusal, Refusal)
    assert refusal.remedy == "Did you mean Europe/Berlin?"


def test_a_password_in_a_url_is_not_repeated() -> None:
    refusal = addresses.https_url("https://svc:hunter2@mail.example.com")
    assert "hunter2" not in repr(refusal)


JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PARSERS: list[Parser] = [
    values.flag,
    values.Whole(1, 10),
    values.Number(0.5, 10),
    values.text,
    values.Choice(ResolveWith),
    values.channel_binding,
    values.everyone,
    values.time_zone,
    values.language,
    addresses.host,
    addresses.https_url,
    addresses.mail_address,
    addresses.account,
    addresses.contact,
    addresses.file,
    addresses.fingerprint,
    addresses.guid,
]


@given(JSON_LIKE)
def test_no_value_is_too_strange_to_be_answered(value: object) -> None:
    for parse in PARSERS:
        result = parse(value)
        if isinstance(result, Refusal):
            assert result.reason
            assert "\n" not in result.reason
