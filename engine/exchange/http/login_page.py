"""Recognises answers that are not from EWS: a web log-in page, or a redirect. No I/O."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import SplitResult, urlsplit

from engine.exchange.errors import ExchangeFailure, LedElsewhere, LoginPage
from engine.exchange.http.auth import offered

REDIRECTS = (301, 302, 303, 307, 308)
LOGIN_TIMEOUT = 440
"""Microsoft's own status for a log-in form that timed out (440 Login Time-out)."""
UNAUTHORIZED = 401
PASSWORD_SCHEMES = frozenset({"basic", "digest", "ntlm", "negotiate", "kerberos"})
"""Authentication schemes that IIS itself offers for a password or a ticket."""
LOOKED_AT = 64 * 1024
LONGEST = 200

_IS_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--|<!doctype\s+html|<html\b|<head\b)", re.I
)
_REFRESH = re.compile(
    r"<meta\b[^>]{0,200}?http-equiv\s*=\s*[\"']?refresh\b[^>]{0,200}?\burl\s*=\s*['\"]?([^\"'>\s;]{1,2000})", re.I
)
# The error page of ASP.NET itself, which Exchange runs in.
_ERROR_TITLE = re.compile(rb"<title>\s*Server Error in ", re.I)
_A_FORM = re.compile(rb"<form\b|<meta\b[^>]{0,200}?http-equiv\s*=\s*[\"']?refresh\b", re.I)
_NO_PASSWORD = (
    f"{LoginPage.remedy} If Exchange itself answers this, enable password log-ins for its EWS virtual directory: "
    "Set-WebServicesVirtualDirectory -WindowsAuthentication $true."
)
# The issuer of tokens for modern authentication (MS-OXPHTTP and "OAuth for Exchange Server").
_AUTHORIZATION_URI = re.compile(r"\bauthorization_uri=\"?([^\",\s]{1,2000})", re.I)
_FORM = re.compile(r"<form\b[^>]{0,2000}?\baction\s*=\s*[\"']?([^\"'>\s]{1,2000})", re.I)
# Exchange's own front end redirects there while a server behind it has a problem.
_ERROR_PAGE = re.compile(r"/\w{0,20}error\w{0,20}(?:\.\w{2,5})?$", re.I)
_EWS = re.compile(r"/ews/\w+\.asmx$", re.I)


def what_answers(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeFailure | None:
    """Return what answers in place of EWS and where it redirects to, None if it is Exchange or cannot be recognised.

    Queries are left out of addresses, because they may hold session credentials.
    """
    location = headers.get("location", "").strip()
    if status in REDIRECTS and location:
        path = _parts(location).path
        if _ERROR_PAGE.search(path):
            return None
        kind = LedElsewhere if is_ews(path) else LoginPage
        return kind(f"HTTP {status} redirects to {cleaned_address(location)}")
    if status == LOGIN_TIMEOUT:
        leads = f" redirects to {cleaned_address(location)}" if location else ", a log-in form has timed out"
        return LoginPage(f"HTTP {status}{leads}")
    if status == 200 and is_html(headers, body):
        return LoginPage(f"HTTP {status} with a web page{_leads(body)}")
    if status == UNAUTHORIZED:
        return _in_front(headers, body)
    return None


def _in_front(headers: Mapping[str, str], body: bytes) -> LoginPage | None:
    """Recognise a 401 that offers no scheme of Exchange on premises, which itself always offers those enabled there."""
    offers = offered(headers)
    if offers.keys() & PASSWORD_SCHEMES:
        return None
    location = headers.get("location", "").strip()
    if location:
        return LoginPage(f"HTTP 401 points to {cleaned_address(location)}")
    if offers:
        leads = next(filter(None, map(_asked_at, offers.values())), "")
        issued_at = f", issued at {cleaned_address(leads)}" if leads else ""
        schemes = cleaned_address(", ".join(sorted(offers)))
        return LoginPage(f"HTTP 401 accepts no password, only {schemes}{issued_at}").in_words(
            "Exchange's web services, or something in front of them, accept no password", _NO_PASSWORD
        )
    if is_html(headers, body) and _A_FORM.search(body[:LOOKED_AT]):
        return LoginPage(f"HTTP 401 with a web page{_leads(body)}")
    return None


def _asked_at(parameters: str) -> str:
    found = _AUTHORIZATION_URI.search(parameters)
    return found[1] if found else ""


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether an answer is a web page, by its media type or its content, and not an error page of Exchange."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    beginning = body[:LOOKED_AT]
    if _ERROR_TITLE.search(beginning):
        return False
    return media_type in ("text/html", "application/xhtml+xml") or _IS_HTML.match(beginning) is not None


def is_ews(path: str) -> bool:
    """Return whether a path is that of EWS."""
    return _EWS.search(path) is not None


def cleaned_address(address: str) -> str:
    """Return an address without user, query and fragment, and safe to print on a terminal."""
    parts = _parts(address)
    host = parts.netloc.rpartition("@")[2]
    plain = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in plain)
    # The path may hold a session ID, too: /app;jsessionid=…
    return shown.partition(";")[0][:LONGEST] or "an address that cannot be read"


def _parts(address: str) -> SplitResult:
    """Return the parts of an address, or empty ones if it cannot be parsed."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _leads(body: bytes) -> str:
    text = body[:LOOKED_AT].decode("utf-8", errors="replace")
    found = _REFRESH.search(text) or _FORM.search(text)
    return f", which points to {cleaned_address(unescape(found[1]))}" if found else ""
