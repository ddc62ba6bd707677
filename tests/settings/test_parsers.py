"""Tests of the parsers of values: what they accept and refuse."""

import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.users import UserSelection
from engine.settings import parsers
from engine.settings.model import ExchangeType, ResolveWith
from engine.settings.parsers import InvalidValue, ValueParser


@pytest.mark.parametrize(
    ("parse", "value", "result"),
    [
        (parsers.boolean, True, True),
        (parsers.IntRange(1, 65535), 65535, 65535),
        (parsers.FloatRange(0, 48), 0, 0.0),
        (parsers.FloatRange(0, 48), 1.5, 1.5),
        (parsers.text, " PBX eins ", "PBX eins"),
        (parsers.text, "👩‍💻\N{NO-BREAK SPACE}x", "👩‍💻\N{NO-BREAK SPACE}x"),
        (parsers.text_or_nothing, " ", ""),
        (parsers.EnumWord(ResolveWith), "candidates", ResolveWith.CANDIDATES),
        (parsers.channel_binding, "auto", True),
        (parsers.channel_binding, "off", False),
        (parsers.all_users, "all", UserSelection()),
        (parsers.time_zone, "Europe/Vienna", ZoneInfo("Europe/Vienna")),
        (parsers.language, "de", "de"),
        (parsers.host, "pbx.example.com", "pbx.example.com"),
        (parsers.host, "pbx", "pbx"),
        (parsers.host, "192.0.2.1", "192.0.2.1"),
        (parsers.host, "[2001:db8::1]", "2001:db8::1"),
        (parsers.host, "bücher_1.example", "bücher_1.example"),
        (parsers.domain, "example.com", "example.com"),
        (parsers.listening_address, "::", "::"),
        (parsers.url_path, "/calendar/sync", "/calendar/sync"),
        (
            parsers.https_url,
            "https://mail.example.com/EWS/Exchange.asmx",
            "https://mail.example.com/EWS/Exchange.asmx",
        ),
        (parsers.https_url, "https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        (parsers.proxy_url, "http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        (parsers.proxy_url, "https://CORP%5Cme@[2001:db8::1]/", "https://CORP%5Cme@[2001:db8::1]/"),
        (parsers.database_url, "postgresql://me@db.example.com/calendar", "postgresql://me@db.example.com/calendar"),
        (
            parsers.database_url,
            "postgres://me@a.example.com:5433,b.example.com/calendar?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://me@a.example.com:5433,b.example.com/calendar?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        ),
        (parsers.database_url, "postgresql:///calendar?host=/run/pg", "postgresql:///calendar?host=/run/pg"),
        (parsers.database_url, "postgresql://%2Frun%2Fpg/calendar", "postgresql://%2Frun%2Fpg/calendar"),
        (parsers.node_name, "calendar-1.example.com", "calendar-1.example.com"),
        (parsers.mail_address, "o'brien+x@mail.example.com", "o'brien+x@mail.example.com"),
        (parsers.account, "svc@example.com", "svc@example.com"),
        (parsers.account, r"CORP\calendar sync", r"CORP\calendar sync"),
        (parsers.contact, "calendar:", "calendar:"),
        (parsers.file, "/etc/ca.pem", Path("/etc/ca.pem")),
        (parsers.fingerprint, ":".join(["AB"] * 32), "ab" * 32),
        (parsers.guid, "00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000A"),
    ],
)
def test_a_right_value_is_read(parse: ValueParser, value: object, result: object) -> None:
    assert parse(value) == result


@pytest.mark.parametrize(
    ("parse", "value", "reason"),
    [
        (parsers.boolean, "true", "must be true or false, not text"),
        (parsers.boolean, 1, "must be true or false, not a whole number"),
        (parsers.IntRange(1, 65535), True, "must be a whole number, not true or false"),
        (parsers.IntRange(1, 65535), 443.0, "must be a whole number, not a number"),
        (parsers.IntRange(1, 65535), 0, "is out of range"),
        (parsers.IntRange(1, 65535), 65536, "is out of range"),
        (parsers.IntRange(1, 65535), 10**60, "is out of range"),
        (parsers.FloatRange(0, 48), -0.1, "is out of range"),
        (parsers.FloatRange(0, 48), math.nan, "is out of range"),
        (parsers.FloatRange(0, 48), math.inf, "is out of range"),
        (parsers.FloatRange(0, 48), False, "must be a number, not true or false"),
        (parsers.text, "  ", "is empty"),
        (parsers.text, ["a"], "must be text, not a list"),
        (parsers.text, "CORP\x08ot", "contains a control character"),
        (parsers.EnumWord(ResolveWith), "Candidates", 'has an unknown value: "Candidates"'),
        (parsers.EnumWord(ResolveWith), 1, "must be text, not a whole number"),
        (parsers.quiet_hours, "20:00", 'is neither a span of the day nor a day of the week: "20:00"'),
        (parsers.channel_binding, True, "has an unknown value"),
        (parsers.all_users, ["all"], 'must be "all" or a table'),
        (parsers.time_zone, "europe/wien", 'is not an IANA time zone: "europe/wien"'),
        (parsers.time_zone, "../../etc/passwd", 'is not an IANA time zone: "../../etc/passwd"'),
        (parsers.language, "tlh", 'is not a supported language: "tlh"'),
        (parsers.host, "https://pbx", 'is not a host name: "https://pbx"'),
        (parsers.host, "pbx:443", 'is not a host name: "pbx:443"'),
        (parsers.host, "192.0.2.256", 'is not a host name: "192.0.2.256"'),
        (parsers.host, "a" * 64, f'is not a host name: "{"a" * 59}…"'),
        (parsers.domain, "@example.com", 'is not a domain: "@example.com"'),
        (parsers.listening_address, "localhost", 'is not an IP address: "localhost"'),
        (parsers.url_path, "calendar", 'is not a URL path: "calendar"'),
        (parsers.https_url, "http://mail.example.com", "does not start with https://"),
        (parsers.https_url, "https://svc:hunter2@mail.example.com", "contains a user name"),
        (parsers.https_url, "https:///EWS", "has no valid host name"),
        (parsers.https_url, "https://mail.example.com/a b", "has no valid host name"),
        (parsers.https_url, "https://mail.example.com:99999/", "is not a URL"),
        (parsers.https_url, "https://[::1/", "is not a URL"),
        (parsers.proxy_url, "proxy.example.com:3128", "does not start with http:// or https://"),
        (parsers.proxy_url, "socks5://proxy.example.com", "does not start with http:// or https://"),
        (parsers.proxy_url, "http://me:hunter2@proxy.example.com", "contains a password"),
        (parsers.proxy_url, "http://me:@proxy.example.com", "contains a password"),
        (parsers.proxy_url, "http://me@", "has no valid host name"),
        (parsers.proxy_url, "http://proxy.example.com/path", "has more than a host and a port"),
        (parsers.proxy_url, "http://proxy.example.com:99999", "is not a URL"),
        (parsers.database_url, "db.example.com/calendar", "does not start with postgresql://"),
        (parsers.database_url, "mysql://db.example.com/calendar", "does not start with postgresql://"),
        (parsers.database_url, "postgresql://me:hunter2@db.example.com/calendar", "contains a password"),
        (parsers.database_url, "postgresql://me:@db.example.com/calendar", "contains a password"),
        (parsers.database_url, "postgresql://db.example.com/calendar?password=hunter2", "contains a password"),
        (parsers.database_url, "postgresql://db.example.com/calendar?passfile=/x", "contains a password"),
        (parsers.database_url, "postgresql://db.example.com/calendar?hunter2", "is not a URL"),
        (parsers.database_url, "postgresql://[::1/calendar", "is not a URL"),
        (parsers.database_url, "postgresql://db.example.com/calendar?service=x", "is not a URL of PostgreSQL"),
        (parsers.database_url, "postgresql://db.example.com/cal endar", "is not a URL of PostgreSQL"),
        (parsers.database_url, "postgresql://db.example.com/", "names no database"),
        (parsers.database_url, "postgresql://me@/calendar", "names no host"),
        (parsers.database_url, "postgresql://a.example.com,/calendar", "names no host"),
        (
            parsers.database_url,
            "postgresql://a.example.com/calendar?sslmode=require",
            "would allow connections that are not encrypted, or whose certificate is not verified",
        ),
        (
            parsers.database_url,
            "postgresql://%2Frun%2Fpg,a.example.com/calendar?sslmode=prefer",
            "would allow connections that are not encrypted, or whose certificate is not verified",
        ),
        (
            parsers.database_url,
            "postgresql://%2Frun%2Fpg/calendar?host=a.example.com&sslmode=disable",
            "would allow connections that are not encrypted, or whose certificate is not verified",
        ),
        (
            parsers.database_url,
            "postgresql://%2Frun%2Fpg/calendar?hostaddr=192.0.2.1&sslmode=disable",
            "would allow connections that are not encrypted, or whose certificate is not verified",
        ),
        (parsers.node_name, "müller", 'is not a name for an engine: "müller"'),
        (parsers.mail_address, "office", 'is not an e-mail address: "office"'),
        (parsers.account, "svc", 'is not an account name: "svc"'),
        (parsers.account, r"CORP\svc@example.com", r'is not an account name: "CORP\\svc@example.com"'),
        (parsers.contact, "tel:", '= "tel:" would overwrite what users and the PBX set themselves'),
        (parsers.contact, "calendar", 'is not a presence contact: "calendar"'),
        (parsers.file, "ca.pem", 'is not an absolute path: "ca.pem"'),
        (parsers.fingerprint, "ab" * 20, "is not a SHA-256 fingerprint"),
        (parsers.guid, "contoso", 'is not a GUID: "contoso"'),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(parse: ValueParser, value: object, reason: str) -> None:
    refusal = parse(value)
    assert isinstance(refusal, InvalidValue)
    assert refusal.reason == reason
    assert refusal.remedy.endswith((".", "?"))


def test_an_unknown_word_is_answered_with_the_words_there_are() -> None:
    refusal = parsers.EnumWord(ExchangeType)("on-premise")
    assert refusal == InvalidValue(
        'has an unknown value: "on-premise"', "Write one of: on-premises, cloud-graph, hybrid, cloud-ews."
    )


def test_a_zone_with_the_wrong_case_is_answered_with_the_right_one() -> None:
    refusal = parsers.time_zone("europe/berlin")
    assert isinstance(refusal, InvalidValue)
    assert refusal.remedy == "Did you mean Europe/Berlin?"


def test_a_password_in_a_url_is_not_repeated() -> None:
    refusal = parsers.https_url("https://svc:hunter2@mail.example.com")
    assert "hunter2" not in repr(refusal)
    proxy = parsers.proxy_url("http://me:hunter2@proxy.example.com")
    assert isinstance(proxy, InvalidValue)
    assert "hunter2" not in repr(proxy)
    assert "exchange.proxy_password" in proxy.remedy
    database = parsers.database_url("postgresql://me:hunter2@db.example.com/calendar")
    assert isinstance(database, InvalidValue)
    assert "hunter2" not in repr(database)
    assert "cluster.password" in database.remedy


JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PARSERS: list[ValueParser] = [
    parsers.boolean,
    parsers.IntRange(1, 10),
    parsers.FloatRange(0.5, 10),
    parsers.text,
    parsers.EnumWord(ResolveWith),
    parsers.channel_binding,
    parsers.all_users,
    parsers.time_zone,
    parsers.language,
    parsers.host,
    parsers.https_url,
    parsers.proxy_url,
    parsers.mail_address,
    parsers.account,
    parsers.contact,
    parsers.file,
    parsers.fingerprint,
    parsers.guid,
]


@pytest.mark.slow
@given(JSON_LIKE)
def test_no_value_is_too_strange_to_be_answered(value: object) -> None:
    for parse in PARSERS:
        result = parse(value)
        if isinstance(result, InvalidValue):
            assert result.reason
            assert "\n" not in result.reason
