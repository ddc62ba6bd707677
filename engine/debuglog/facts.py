"""What an exchange was about, told from its redacted bytes: operation, mailbox and response codes."""

import re

from engine.core.traced import TracedExchange

HEAD = 4096
"""Bytes of a request in which its operation and mailbox stand."""

_OPERATION = re.compile(rb"Body(?:\s[^<>]*)?>\s*<(?:[^\s<>/:]+:)?(\w+)")
_IMPERSONATED = re.compile(rb"SmtpAddress>([^<>]{1,320})</")
_ASKED_ABOUT = re.compile(
    rb"(?:UnresolvedEntry|EMailAddress|EmailAddress|Mailbox|Address)>(?:smtp:)?([^<>\s]{1,320}@[^<>\s]+)</"
)
# What begins with letters is searched for much faster.
_CODES = re.compile(rb"ResponseCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</")
_ERROR_CODES = re.compile(rb"ErrorCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</")
_INNER = re.compile(rb'InnerErrorResponseCode"\s*>\s*(\w{1,80})\s*<')
_FAULT = re.compile(rb"faultcode(?:\s[^<>]*)?>\s*(?:[^\s<>/:]+:)?(\w{1,80})\s*</")
_AADSTS = re.compile(rb"\b(AADSTS\d{4,9})\b")
_OAUTH_ERROR = re.compile(rb'"error"\s*:\s*"(\w{1,80})"')
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
    body = exchange.response
    found = _CODES.findall(body)
    if b"ErrorCode" in body:
        found += _ERROR_CODES.findall(body)
    if b"InnerError" in body:
        found = [*_INNER.findall(body), *found]
    if not found and b"faultcode" in body:
        found = _FAULT.findall(body)
    if not found and b'"error"' in body:
        found = [*_AADSTS.findall(body), *_OAUTH_ERROR.findall(body)]
    codes = dict.fromkeys(code.decode("ascii", "replace") for code in found)
    return tuple(sorted(codes, key=lambda code: code in _FINE))


def is_error(exchange: TracedExchange, codes: tuple[str, ...]) -> bool:
    """Tell whether something went wrong: no answer, an error status, or a code that says so."""
    if exchange.status is None or exchange.status >= 400:
        return True
    return any(code not in _FINE for code in codes)


def _address(found: bytes) -> str:
    return found.decode("utf-8", "replace").strip()
