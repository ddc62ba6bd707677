"""What an exchange was about, told from its redacted bytes: operation, mailbox and response codes."""

import re

from engine.core.redaction.words import Words
from engine.core.traced import TracedExchange

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


def operation_of(exchange: TracedExchange) -> str:
    """Return the name of the operation: that of EWS, or Autodiscover, GetUserSettings, Token or Tenant."""
    path = exchange.url.partition("?")[0].lower()
    if path.endswith("/token"):
        return "Token"
    if path.endswith("/openid-configuration"):
        return "Tenant"
    found = _OPERATION.search(exchange.request[:HEAD])
    if found:
        return found[1].decode("ascii", "replace").removesuffix("RequestMessage").removesuffix("Request")
    return "Autodiscover" if "autodiscover" in path else exchange.method


def mailboxes_of(exchange: TracedExchange) -> tuple[str, ...]:
    """Return the mailboxes a request is about: the one that is acted for, or else all that are asked about."""
    acted_for = _IMPERSONATED.search(exchange.request[:HEAD])
    if acted_for:
        return (_address(acted_for[1]),)
    return tuple(dict.fromkeys(_address(found) for found in _ASKED_ABOUT.findall(exchange.request)))


def concerned_by(exchange: TracedExchange) -> tuple[str, ...]:
    """Return the mailboxes that make an exchange worth being captured, none if it may be about any of them.

    A stream of notifications is about a whole group, even where it is asked for in the name of one of them.
    """
    return () if b"GetStreamingEvents" in exchange.request[:HEAD] else mailboxes_of(exchange)


def codes_of(exchange: TracedExchange) -> tuple[str, ...]:
    """Return the response codes of an answer, each once, errors first."""
    found: dict[bytes, list[str]] = {}
    for kind, start in _BEGINNINGS.where(exchange.response):
        if match := _CODES[kind].match(exchange.response, start):
            found.setdefault(kind, []).append(match[1].decode("ascii", "replace"))
    ranked = ([code for kind in rank for code in found.get(kind, ())] for rank in _RANKS)
    codes = dict.fromkeys(next(filter(None, ranked), ()))
    return tuple(sorted(codes, key=lambda code: code in _FINE))


def is_error(exchange: TracedExchange, codes: tuple[str, ...]) -> bool:
    """Tell whether something went wrong: no answer, an error status, or a code that says so."""
    if exchange.status is None or exchange.status >= 400:
        return True
    return any(code not in _FINE for code in codes)


def _address(found: bytes) -> str:
    return found.decode("utf-8", "replace").strip()
