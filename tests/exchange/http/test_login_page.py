"""Answers that are not from Exchange are recognised, and shown without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.errors import LedElsewhere, LoginPage
from engine.exchange.http.login_page import LONGEST, cleaned_address, what_answers

ADFS = "https://adfs.corp.example/adfs/ls/?wa=wsignin1.0&wctx=s3cr3t"
FORM = b'<!DOCTYPE html><html><body><form method="post" action="/owa/auth.owa?token=s3cr3t"></form></body></html>'
REFRESH = (
    b"<html><head><meta http-equiv='refresh' content='0; url=https://sso.corp.example/login?x=s3cr3t'></head></html>"
)


@pytest.mark.parametrize(
    ("status", "headers", "body", "led_to"),
    [
        *(
            (status, {"location": ADFS}, b"", "https://adfs.corp.example/adfs/ls/")
            for status in (301, 302, 303, 307, 308)
        ),
        (302, {"location": "/owa/auth/logon.aspx?url=https%3a%2f%2fx&reason=0"}, b"", "/owa/auth/logon.aspx"),
        (302, {"location": "../owa/auth/logon.aspx?s3cr3t"}, b"", "../owa/auth/logon.aspx"),
        (302, {"location": "//sso.corp.example/a;jsessionid=s3cr3t#s3cr3t"}, b"", "sso.corp.example/a"),
        (302, {"location": "https://me:s3cr3t@sso.corp.example/"}, b"", "https://sso.corp.example/"),
        (302, {"location": "https://sso.corp.example/\x1b[2J\u202e"}, b"", "https://sso.corp.example/?"),
        (302, {"location": "https://[broken/?s3cr3t"}, b"", "an address that cannot be read"),
        (440, {}, b"", "HTTP 440"),
        (440, {"location": "/owa/auth/logon.aspx?s3cr3t"}, b"", "/owa/auth/logon.aspx"),
        (200, {"content-type": "text/html; charset=utf-8"}, FORM, "/owa/auth.owa"),
        (200, {"content-type": "TEXT/HTML"}, b"anything", "a web page"),
        (200, {"content-type": "text/xml"}, FORM, "/owa/auth.owa"),
        (200, {}, b"\xef\xbb\xbf \r\n" + REFRESH, "https://sso.corp.example/login"),
        (200, {"content-type": "application/xhtml+xml"}, b'<?xml version="1.0"?><html/>', "a web page"),
        (401, {"content-type": "text/html"}, FORM, "/owa/auth.owa"),
        (401, {}, b"<html><form method=post><input></form></html>", "HTTP 401 with a web page"),
        (401, {}, REFRESH, "https://sso.corp.example/login"),
        (401, {"location": ADFS}, b"", "HTTP 401 points to https://adfs.corp.example/adfs/ls/"),
        (401, {"www-authenticate": "Bearer"}, b"", "accepts no password, only bearer"),
        (401, {"www-authenticate": "FBA, \x1b[2Js3cr3t=1"}, FORM, "only fba"),
        (
            401,
            {"www-authenticate": f'Bearer client_id="x", authorization_uri="{ADFS}"'},
            b"",
            "issued at https://adfs.corp.example/adfs/ls/",
        ),
    ],
)
def test_a_log_in_page_is_named_with_where_it_leads_to(
    status: int, headers: dict[str, str], body: bytes, led_to: str
) -> None:
    failure = what_answers(status, headers, body)
    assert type(failure) is LoginPage
    assert led_to in failure.detail
    assert "s3cr3t" not in str(failure)
    assert failure.detail.isprintable()


def test_another_address_of_ews_is_no_log_in_page() -> None:
    failure = what_answers(307, {"location": "https://mail2.corp.example/EWS/Exchange.asmx?x=s3cr3t"}, b"")
    assert type(failure) is LedElsewhere
    assert failure.detail == "HTTP 307 redirects to https://mail2.corp.example/EWS/Exchange.asmx"


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"content-type": "text/xml"}, b'<?xml version="1.0"?><s:Envelope/>'),
        (302, {}, b""),
        (302, {"location": "https://mail.corp.example/owa/auth/errorFE.aspx?httpCode=500"}, b""),
        (302, {"location": "/ews/genericerrorpage.htm"}, b""),
        (403, {"content-type": "text/html"}, FORM),
        (401, {"www-authenticate": "Negotiate, NTLM", "content-type": "text/html"}, FORM),
        (401, {"www-authenticate": 'Basic realm="x", Bearer'}, FORM),
        (401, {"content-type": "text/html"}, b"<html><title>401 - Unauthorized</title></html>"),
        (401, {}, b""),
        (500, {"content-type": "text/html"}, b"<html/>"),
        (503, {"content-type": "text/html"}, b"<html/>"),
    ],
)
def test_what_may_be_exchange_itself_is_judged_elsewhere(status: int, headers: dict[str, str], body: bytes) -> None:
    assert what_answers(status, headers, body) is None


@given(st.text(max_size=400))
def test_any_address_is_shown_short_and_harmless(address: str) -> None:
    shown = cleaned_address(address)
    assert len(shown) <= LONGEST
    assert shown.isascii()
    assert shown.isprintable()
    assert "?" not in address.partition("?")[0] or shown


@given(st.integers(200, 599), st.binary(max_size=300))
def test_any_body_is_looked_at_without_a_word(status: int, body: bytes) -> None:
    text = body.decode("latin-1")
    for found in (what_answers(status, {each: text}, body) for each in ("location", "www-authenticate")):
        assert found is None or found.detail.isprintable()
