"""Recognises what answers in place of EWS: a log-in page for people, or a redirect to somewhere. No I/O."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import SplitResult, urlsplit

from engine.exchange.errors import ExchangeFailure, LedElsewhere, LoginPage
from engine.exchange.http.auth import offered

REDIRECTS = (301, 302, 303, 307, 308)
LOGIN_TIMEOUT = 440
"""Microsoft's own status where forms are asked for and nobody has filled them in."""
UNAUTHORIZED = 401
PASSWORD_SCHEMES = frozenset({"basic", "digest", "ntlm", "negotiate", "kerberos"})
"""What IIS itself offers where it takes a password or a ticket."""
LOOKED_AT = 64 * 1024
LONGEST = 200

_IS_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--|<!doctype\s+html|<html\b|<head\b)", re.I
)
_REFRESH = re.compile(
    r"<meta\b[^>]{0,200}?http-equiv\s*=\s*[\"']?refresh\b[^>]{0,200}?\burl\s*=\s*['\"]?([^\"'>\s;]{1,2000})", re.I
)
# The page of ASP.NET itself, which Exchange runs in.
_ERROR_TITLE = re.compile(rb"<title>\s*Server Error in ", re.I)
_A_FORM = re.compile(rb"<form\b|<meta\b[^>]{0,200}?http-equiv\s*=\s*[\"']?refresh\b", re.I)
_NO_PASSWORD = (
    f"{LoginPage.remedy} If Exchange itself answers so, enable a log-in with a password for its EWS virtual directory: "
    "Set-WebServicesVirtualDirectory -WindowsAuthentication $true."
)
# Where the tokens of modern authentication are given (MS-OXPHTTP and "OAuth for Exchange Server").
_AUTHORIZATION_URI = re.compile(r"\bauthorization_uri=\"?([^\",\s]{1,2000})", re.I)
_FORM = re.compile(r"<form\b[^>]{0,2000}?\baction\s*=\s*[\"']?([^\"'>\s]{1,2000})", re.I)
# What Exchange's own front end redirects to while a server behind it is in trouble.
_ERROR_PAGE = re.compile(r"/\w{0,20}error\w{0,20}(?:\.\w{2,5})?$", re.I)
_EWS = re.compile(r"/ews/\w+\.asmx$", re.I)


def what_answers(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeFailure | None:
    """Return what stands in place of EWS and where it leads to, None where that is Exchange itself, or not to be told.

    Queries are left out of addresses: they carry what somebody is logged in by.
    """
    location = headers.get("location", "").strip()
    if status in REDIRECTS and location:
        path = _parts(location).path
        if _ERROR_PAGE.search(path):
            return None
        kind = LedElsewhere if is_ews(path) else LoginPage
        return kind(f"HTTP {status} leads to {cleaned_address(location)}")
    if status == LOGIN_TIMEOUT:
        leads = f" leads to {cleaned_address(location)}" if location else ", the log-in of a form has timed out"
        return LoginPage(f"HTTP {status}{leads}")
    if status == 200 and is_html(headers, body):
        return LoginPage(f"HTTP {status} with a page for people{_leads(body)}")
    if status == UNAUTHORIZED:
        return _in_front(headers, body)
    return None


def _in_front(headers: Mapping[str, str], body: bytes) -> LoginPage | None:
    """A 401 that offers nothing Exchange on premises takes: Exchange itself always offers what is switched on there."""
    offers = offered(headers)
    if offers.keys() & PASSWORD_SCHEMES:
        return None
    location = headers.get("location", "").strip()
    if location:
        return LoginPage(f"HTTP 401 leads to {cleaned_address(location)}")
    if offers:
        leads = next(filter(None, map(_asked_at, offers.values())), "")
        told = f", which is given at {cleaned_address(leads)}" if leads else ""
        schemes = cleaned_address(", ".join(sorted(offers)))
        return LoginPage(f"HTTP 401 takes no password, but {schemes} alone{told}").in_words(
            "Exchange's web services, or something in front of them, take no password", _NO_PASSWORD
        )
    if is_html(headers, body) and _A_FORM.search(body[:LOOKED_AT]):
        return LoginPage(f"HTTP 401 with a page for people{_leads(body)}")
    return None


def _asked_at(parameters: str) -> str:
    found = _AUTHORIZATION_URI.search(parameters)
    return found[1] if found else ""


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether an answer is a page for people, by what it says it is or by what it is; not an error of Exchange."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    beginning = body[:LOOKED_AT]
    if _ERROR_TITLE.search(beginning):
        return False
    return media_type in ("text/html", "application/xhtml+xml") or _IS_HTML.match(beginning) is not None


def is_ews(path: str) -> bool:
    """Tell whether a path is that of EWS."""
    return _EWS.search(path) is not None


def cleaned_address(address: str) -> str:
    """Return an address without user, query and fragment, with nothing in it that could hurt a terminal."""
    parts = _parts(address)
    host = parts.netloc.rpartition("@")[2]
    plain = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in plain)
    # A session may be in the path, too: /app;jsessionid=…
    return shown.partition(";")[0][:LONGEST] or "an address that cannot be read"


def _parts(address: str) -> SplitResult:
    """Return the parts of an address, empty ones where it has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _leads(body: bytes) -> str:
    text = body[:LOOKED_AT].decode("utf-8", errors="replace")
    found = _REFRESH.search(text) or _FORM.search(text)
    return f", which leads to {cleaned_address(unescape(found[1]))}" if found else ""
