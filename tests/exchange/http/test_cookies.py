"""The cookies of a connection are those that RFC 6265 has a client keep and send."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.http.cookies import MOST, ConnectionCookies

NOW = 1_800_000_000.0
URL = "https://mail.corp.example/EWS/Exchange.asmx"


def sent(*headers: str, url: str = URL, later: float = 0.0, own: str = "") -> str:
    """Return the Cookie header of a request to `url`, after answers with these Set-Cookie headers."""
    clock = [NOW]
    cookies = ConnectionCookies(lambda: clock[0])
    for header in headers:
        answer = httpx.Response(200, headers=[(b"set-cookie", header.encode())], request=httpx.Request("POST", URL))
        cookies.extract_cookies(answer)
    clock[0] += later
    request = httpx.Request("POST", url, headers={"Cookie": own} if own else {})
    cookies.set_cookie_header(request)
    return str(request.headers.get("cookie", ""))


@pytest.mark.parametrize(
    ("headers", "cookie"),
    [
        (("a=1; path=/; secure; HttpOnly",), "a=1"),
        (("a=1", "b=2; Path=/", "a=3"), "b=2; a=3"),
        (("a=1; Path=/", "a=; Path=/; Max-Age=0"), ""),
        (("a=1; Path=/", "a=; Path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT"), ""),
        (("a=b=c~1==; path=/EWS",), "a=b=c~1=="),
        (('a="x y"; path=/EWS/',), 'a="x y"'),
        (("a=1; path=/EW",), ""),
        (("a=1; path=/owa",), ""),
        (("a=1; path=owa",), "a=1"),
        (("a=1; Domain=corp.example",), "a=1"),
        (("a=1; Domain=.MAIL.corp.example",), "a=1"),
        (("a=1; Domain=orp.example",), ""),
        (("a=1; Domain=elsewhere.example",), ""),
        (("a=1; Max-Age=never",), "a=1"),
        (("a=1; Expires=never",), "a=1"),
        (("X-BackEndOverrideCookie=abc~123; path=/",), ""),
        (("no cookie", "=1", "", "a=\x01", "ü=1"), ""),
    ],
)
def test_what_is_sent_after_what_was_set(headers: tuple[str, ...], cookie: str) -> None:
    assert sent(*headers) == cookie


def test_a_cookie_ends_in_time_and_a_request_with_its_own_is_left_alone() -> None:
    assert sent("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", later=59) == "a=1"
    assert sent("a=1; Max-Age=60", later=61) == ""
    assert sent("a=1", own="b=2") == "b=2"
    assert sent("a=1; path=/EWS", url="https://mail.corp.example/autodiscover/autodiscover.svc") == ""


def test_a_server_that_sets_any_number_is_bounded() -> None:
    assert len(sent(*(f"c{number}=1" for number in range(200))).split("; ")) == MOST


@given(st.lists(st.text(max_size=40).filter(lambda text: "\r" not in text and "\n" not in text), max_size=4))
def test_whatever_is_set_is_sent_in_one_line(headers: list[str]) -> None:
    found = sent(*(header.encode("utf-8", "replace").decode() for header in headers))
    assert found.isascii()
    assert found.isprintable() or not found
