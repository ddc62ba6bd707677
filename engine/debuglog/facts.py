"""What an exchange was about, told from its redacted bytes: operation, mailbox and response codes."""

import re
from html import unescape

from engine.core.redaction.words import Words

HEAD = 4096
"""Bytes of a request in which its operation and mailbox stand."""

_OPERATION = re.compile(rb"Body(?:\s[^<>]*)?>\s*<(?:[^\s<>/:]+:)?(\w+)")
_IMPERSONATED = re.compile(rb"SmtpAddress>([^<>]{1,320})</")
_ASKED_ABOUT = re.compile(
    rb"(?:UnresolvedEntry|EMailAddress|EmailAddress|Mailbox|Address)>(?:smtp:)?([^<>\s]{1,320}@[^<>\s]+)</"
)
_INNER, _FAULT, _AADSTS, _OAUTH_ERROR = b"InnerErrorResponseCode", b"faultcode", b"AADSTS", b'"error"'
# By what each begins with, which is looked for first.
_CODES = {
    _INNER: re.compile(rb'InnerErrorResponseCode"\s*>\s*(\w{1,80})\s*<'),
    b"ResponseCode": re.compile(rb"ResponseCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</"),
    b"ErrorCode": re.compile(rb"ErrorCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</"),
    _FAULT: re.compile(rb"faultcode(?:\s[^<>]*)?>\s*(?:[^\s<>/:]+:)?(\w{1,80})\s*</"),
    _AADSTS: re.compile(rb"\b(AADSTS\d{4,9})\b"),
    _OAUTH_ERROR: re.compile(rb'"error"\s*:\s*"(\w{1,80})"'),
}
_BEGINNINGS = Words(_CODES)
# What says most comes first; only where nothing of a line is found, the next one counts.
_RANKS = ((_INNER, b"ResponseCode", b"ErrorCode"), (_FAULT,), (_AADSTS, _OAUTH_ERROR))
_FINE = frozenset({"NoError"})


def operation_of(method: str, url: str, request: bytes) -> str:
    """Return the name of the operation: that of EWS, or Autodiscover, GetUserSettings, Token or Tenant."""
    path = url.partition("?")[0].lower()
    if path.endswith("/token"):
        return "Token"
    if path.endswith("/openid-configuration"):
        return "Tenant"
    found = _OPERATION.search(request, 0, HEAD)
    if found:
        return found[1].decode("ascii", "replace").removesuffix("RequestMessage").removesuffix("Request")
    return "Autodiscover" if "autodiscover" in path else method


def mailboxes_of(request: bytes) -> tuple[str, ...]:
    """Return the mailboxes a request is about: the one that is acted for, or else all that are asked about."""
    acted_for = _IMPERSONATED.search(request, 0, HEAD)
    if acted_for:
        return (_address(acted_for[1]),)
    return tuple(dict.fromkeys(_address(found) for found in _ASKED_ABOUT.findall(request)))


def concerned_by(request: bytes) -> tuple[str, ...]:
    """Return the mailboxes that make an exchange worth being captured, none if it may be about any of them.

    A stream of notifications is about a whole group, even where it is asked for in the name of one of them.
    """
    return () if request.find(b"GetStreamingEvents", 0, HEAD) >= 0 else mailboxes_of(request)


def codes_of(response: bytes) -> tuple[str, ...]:
    """Return the response codes of an answer, each once, errors first."""
    found = [
        (kind, match[1])
        for kind, start in _BEGINNINGS.where(response)
        if (match := _CODES[kind].match(response, start))
    ]
    for rank in _RANKS:
        codes = dict.fromkeys(code.decode("ascii", "replace") for of in rank for kind, code in found if kind == of)
        if codes:
            return tuple(sorted(codes, key=_FINE.__contains__))
    return ()


def is_error(status: int | None, codes: tuple[str, ...]) -> bool:
    """Tell whether something went wrong: no answer, an error status, or a code that says so."""
    if status is None or status >= 400:
        return True
    return any(code not in _FINE for code in codes)


def _address(found: bytes) -> str:
    return unescape(found.decode("utf-8", "replace")).strip()
