"""Blanks what looks like a secret by its name or its shape, though nobody knows it."""

import re
from collections.abc import Iterator

from engine.core.redaction.spans import Span, Tags, without
from engine.core.redaction.words import Words

_SCHEMES = (b"basic", b"bearer", b"ntlm", b"negotiate", b"digest")
_NTLM, _SIGNED = b"tlrmtvntu", b"eyj"
_NAMES = (
    *(b"secret", b"assertion", b"passw", b"pwd", b"token", b"credential", b"api_key", b"apikey", b"signature"),
    *(b"cookie", b"authorization"),
)
# In lower case. All is told from where one of these is, so that a body is looked through once.
_HINTS = Words((*_NAMES, *_SCHEMES, _NTLM, _SIGNED))

_SCHEME = rb"(?:%b)" % b"|".join(_SCHEMES)
# What stands behind a name: in JSON, a form, a query or an attribute.
_BEHIND_NAME = re.compile(
    rb"""[\w.-]{1,200}["']?\s{0,9}(?:[:=]|%%3[ad])\s{0,9}"""
    rb"""(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)|'([^']*+)|(%b\s+\S+)|([^\s&<>"';,]+))""" % _SCHEME,
    re.IGNORECASE | re.DOTALL,
)
_NO_SECRET = re.compile(rb"(?:token|assertion)_type", re.IGNORECASE)
_TEXT_BEHIND_TAG = re.compile(rb"<[^<>]*>((?:<!\[CDATA\[.*?(?:\]\]>|\Z)|[^<]++)++)", re.DOTALL)
_BEHIND_COOKIE = re.compile(rb"cookie\d?:\s?([^\r\n<]++)", re.IGNORECASE)
_BEHIND_SCHEME = re.compile(rb"\b%b(?:\s|%%20|\+){1,9}([\w+/=.~%%-]{8,})" % _SCHEME, re.IGNORECASE)
# What NTLM messages and signed tokens are in base64.
_SHAPES = {_NTLM: re.compile(rb"(TlRMTVNTU[\w+/=-]{8,})"), _SIGNED: re.compile(rb"(eyJ[\w-]{8,4096}+\.[\w.=-]*)")}


def blank_by_looks(body: bytes) -> bytes:
    """Return a body without anything that looks like a secret."""
    return without(body, _spans(body))


def may_hold_secrets(body: bytes) -> bool:
    """Tell whether `blank_by_looks` has anything to look at."""
    return _HINTS.are_in(body.lower())


def _spans(body: bytes) -> Iterator[Span]:
    tags = Tags(body)
    done = text_done = 0
    for start, word in _HINTS.everywhere(body.lower()):
        if word in _NAMES:
            tag = tags.around(start)
            if tag is not None and tag >= text_done and (text := _TEXT_BEHIND_TAG.match(body, tag)):
                yield text.span(1)
                text_done = text.end()
        if start >= done and (span := _told_by(word, body, start)):
            yield span
            done = span[1]


def _told_by(word: bytes, body: bytes, start: int) -> Span | None:
    """Return where the secret is that begins with `word` or is announced by it."""
    if word in _SHAPES:
        found = _SHAPES[word].match(body, start)
    elif word in _SCHEMES:
        found = _BEHIND_SCHEME.match(body, start)
    else:
        found = (word == b"cookie" and _BEHIND_COOKIE.match(body, start)) or _BEHIND_NAME.match(body, start)
        if found and _NO_SECRET.search(body, start, found.start(found.lastindex or 0)):
            return None
    return found.span(found.lastindex or 0) if found else None
