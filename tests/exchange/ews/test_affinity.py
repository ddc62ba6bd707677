"""The affinity cookie is sent back exactly as it was received."""

import httpx
import pytest

from engine.exchange.ews.client import Affinity, override_cookie


@pytest.mark.parametrize("value", ["EX01~1942062522", "MailboxServer.corp.example~1941996295", "a=b==", '"quoted"', ""])
def test_cookie_is_kept_exactly(value: str) -> None:
    headers = httpx.Headers(
        [
            ("Set-Cookie", "exchangecookie=b5d1; expires=Tue, 02 Mar 2027 09:00:00 GMT; path=/; HttpOnly"),
            ("Set-Cookie", f"X-BackEndOverrideCookie={value}; path=/; secure; HttpOnly"),
            ("Set-Cookie", "X-BackEndCookie=other; path=/EWS"),
        ]
    )
    assert override_cookie(headers) == value


def test_no_cookie() -> None:
    assert override_cookie(httpx.Headers({"Set-Cookie": "Not-X-BackEndOverrideCookie=1"})) == ""
    assert override_cookie({}) == ""


def test_headers() -> None:
    first = {"X-AnchorMailbox": "anna@example.com", "X-PreferServerAffinity": "true"}
    assert Affinity("anna@example.com", "").headers() == first
    again = Affinity("anna@example.com", "EX01~1").headers()
    assert again == first | {"Cookie": "X-BackEndOverrideCookie=EX01~1"}
