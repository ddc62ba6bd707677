import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.ews.autodiscover.protocol import TrustedHosts, host_of, https_url, urls_at

TRUSTED = TrustedHosts(frozenset({"example.com"}), frozenset({"mail.hoster.net"}))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Mail.Example.com/EWS/Exchange.asmx", "https://mail.example.com/EWS/Exchange.asmx"),
        ("https://mail.example.com:443/a?b=c#d", "https://mail.example.com/a?b=c"),
        ("https://mail.example.com:8443", "https://mail.example.com:8443/"),
        (" https://ex_01.corp.example.com/a b ", "https://ex_01.corp.example.com/a%20b"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("http://mail.example.com/", None),
        ("https://user@mail.example.com/", None),
        ("https://evil.net\\@mail.example.com/", None),
        ("https://evil.net%2f.example.com/", None),
        ("https:///nowhere", None),
        ("https://[::1", None),
        ("https://mail.example.com:port/", None),
        ("mail.example.com", None),
        ("ftp://mail.example.com/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_only_a_plain_https_url_is_one(text: str, url: str | None) -> None:
    assert https_url(text) == url


def test_relative_location_is_seen_from_where_it_was_told() -> None:
    base = "https://a.example.com/autodiscover/autodiscover.xml"
    assert https_url("/x/y.xml", base) == "https://a.example.com/x/y.xml"
    assert https_url("//b.example.com/y.xml", base) == "https://b.example.com/y.xml"
    assert https_url("y.xml", "http://a.example.com/x.xml") is None


@given(st.text())
def test_no_location_breaks_it(text: str) -> None:
    url = https_url(text, "https://a.example.com/x")
    assert url is None or (url.startswith("https://") and url.isascii() and https_url(url) == url)


@pytest.mark.parametrize("host", ["example.com", "mail.example.com", "a.b.example.com", "mail.hoster.net"])
def test_own_domain_and_configured_hosts_are_trusted(host: str) -> None:
    assert TRUSTED.include(host)


@pytest.mark.parametrize(
    "host", ["notexample.com", "example.com.evil.net", "hoster.net", "x.mail.hoster.net", "com", "", ".example"]
)
def test_nobody_else_is_trusted(host: str) -> None:
    assert not TRUSTED.include(host)


def test_url_of_a_service_is_asked_as_it_is_and_a_host_in_both_dialects() -> None:
    assert urls_at("https://m.example.com/x/Autodiscover.SVC") == ("https://m.example.com/x/Autodiscover.SVC",)
    assert urls_at("https://m.example.com:8443/") == (
        "https://m.example.com:8443/autodiscover/autodiscover.svc",
        "https://m.example.com:8443/autodiscover/autodiscover.xml",
    )


def test_host_of_an_url_comes_without_port() -> None:
    assert host_of("https://m.example.com:8443/") == "m.example.com"
