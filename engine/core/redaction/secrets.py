"""Blanks secrets: those we know in whatever form they take, and what looks like one by its place or its shape."""

import base64
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import chain
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from engine.core.redaction.looks import blank_by_looks, may_hold_secrets
from engine.core.redaction.spans import BLANKED
from engine.core.redaction.words import Words
from engine.core.secret import Secret

SHORTEST = 4
"""Characters: what is shorter than that is no secret, and would be found everywhere."""

TELLING = 16
"""Bytes of a form that are searched for first: where these are not, it is not."""

LEARNED = 8
"""Tokens that are remembered: each is good for an hour, so the older ones have ended."""

URLS = 100
"""So many are remembered: nearly all requests go to the same few."""

KEPT_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "allow", "cache-control", "client-request-id", "connection"),
        *("content-encoding", "content-length", "content-type", "date", "expires", "host", "ms-cv", "pragma"),
        *("request-id", "retry-after", "return-client-request-id", "server", "strict-transport-security"),
        *("transfer-encoding", "user-agent", "vary", "via", "x-anchormailbox", "x-aspnet-version"),
        *("x-backendhttpstatus", "x-beserver", "x-besku", "x-calculatedbetarget", "x-calculatedfetarget"),
        *("x-caserrorcode", "x-content-type-options", "x-diaginfo", "x-ews-policy-reason", "x-feefzinfo"),
        *("x-feproxyinfo", "x-feserver", "x-httpstatus", "x-ms-diagnostics", "x-ms-ests-server"),
        *("x-ms-request-id", "x-owa-version", "x-powered-by", "x-preferserveraffinity", "x-proxyerrorcode"),
        *("x-proxyerrormessage", "x-requestid", "x-responseorigin", "x-serverapplication", "x-soap-enabled"),
        *("x-targetbeserver", "x-throttlinginfo"),
    )
)
"""Headers whose values are kept. Every other one is blanked, whoever may have put it there."""

_NAMES_KNOWN = KEPT_HEADERS | {"authorization", "cookie", "location", "set-cookie", "www-authenticate"}
_CHALLENGE = re.compile(r"(?:^|,\s*)([A-Za-z]+)(?=[\s,]|$)")
_TOKEN = re.compile(rb'"(?:access|refresh|id)_token"\s*:\s*"([^"]+)"')


Headers = tuple[tuple[str, str], ...]


class SecretRedactor:
    """Blanks secrets; those it knows are found in any form. Tokens that go by in an answer are known from then on."""

    def __init__(self) -> None:
        self._known: tuple[bytes, ...] = ()
        self._learned: deque[tuple[bytes, ...]] = deque(maxlen=LEARNED)
        self._tell_tale = Words(())
        self._urls: dict[str, str] = {}

    def know(self, secrets: Iterable[Secret]) -> None:
        """Know these, too, from now on."""
        found = (form for secret in secrets for form in forms(secret.reveal()))
        self._known = tuple(dict.fromkeys((*self._known, *found)))
        self._search_anew()

    def body(self, body: bytes) -> bytes:
        """Return a body without secrets."""
        suspicious = may_hold_secrets(body)
        if suspicious:
            self._learn(body)
        if self._tell_tale.are_in(body):
            for form in self._all_forms():
                body = body.replace(form, BLANKED.encode())
        return blank_by_looks(body) if suspicious else body

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return self.body(text.encode(errors="surrogateescape")).decode(errors="replace")

    def headers(self, headers: Mapping[str, str]) -> Headers:
        """Return headers, the values of most of them blanked; of a log-in and of cookies, what they are remains."""
        pairs = self.allowed(headers)
        if self.finds_nothing_in(as_bytes(pairs)):
            return pairs
        return tuple((self.text(name), self.text(value)) for name, value in pairs)

    def allowed(self, headers: Mapping[str, str]) -> Headers:
        """Return headers with only those values that may be seen, where there is no secret in them."""
        kept = dict(headers.items())
        for name in [name for name in kept if name.lower() not in KEPT_HEADERS]:
            kept[name] = self._kept(name.lower(), kept[name])
        return tuple(kept.items())

    def finds_nothing_in(self, body: bytes) -> bool:
        """Tell whether `body` would stay as it is: one look at much costs a fraction of many at little."""
        return not (may_hold_secrets(body) or self._tell_tale.are_in(body))

    def url(self, url: str) -> str:
        """Return a URL without user, fragment and the values of its query."""
        found = self._urls.get(url)
        if found is None:
            if len(self._urls) >= URLS:
                self._urls.clear()
            found = self._urls[url] = self._url(url)
        return found

    def _url(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
        except ValueError:
            return BLANKED
        names = (piece.partition("=")[0] for piece in parts.query.split("&") if piece)
        query = "&".join(f"{name}={BLANKED}" for name in names)
        return self.text(urlunsplit((parts.scheme, host, parts.path, query, "")))

    def _kept(self, name: str, value: str) -> str:
        if name == "location":
            return self._url(value)
        if name == "www-authenticate":
            return ", ".join(_CHALLENGE.findall(value)) or BLANKED
        return BLANKED

    def _learn(self, body: bytes) -> None:
        for token in _TOKEN.findall(body):
            found = forms(token.decode(errors="replace"))
            if found not in self._learned:
                self._learned.append(found)
                self._search_anew()

    def _all_forms(self) -> tuple[bytes, ...]:
        return tuple(chain(self._known, *self._learned))

    def _search_anew(self) -> None:
        self._tell_tale = Words(_shortest(form[:TELLING] for form in self._all_forms()))
        self._urls.clear()


def as_bytes(headers: Headers) -> bytes:
    """Return headers as they are searched for secrets: names that are known are none."""
    lines = [value if name.lower() in _NAMES_KNOWN else f"{name}\r{value}" for name, value in headers]
    return "\n".join(lines).encode(errors="surrogateescape")


def forms(secret: str) -> tuple[bytes, ...]:
    """Return a secret as it may stand somewhere: as it is, escaped, as UTF-16, and inside of base64."""
    if len(secret) < SHORTEST:
        return ()
    plain, wide = secret.encode(errors="surrogateescape"), secret.encode("utf-16-le", errors="surrogatepass")
    percent = quote(plain, safe="")
    found = {
        plain,
        wide,
        plain.hex().encode(),
        plain.hex().upper().encode(),
        percent.encode(),
        re.sub("%..", lambda match: match[0].lower(), percent).encode(),
        quote(plain).encode(),
        quote_plus(plain).encode(),
        escape(secret).encode(errors="surrogateescape"),
        escape(secret, {'"': "&quot;", "'": "&apos;"}).encode(errors="surrogateescape"),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(errors="surrogateescape"),
        *_inside_base64(plain),
        *_inside_base64(wide),
    }
    return tuple(sorted((form for form in found if len(form) >= SHORTEST), key=len, reverse=True))


def _shortest(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the forms that have no other one in them: where none of these is, none of all is."""
    found: list[bytes] = []
    for form in sorted(set(forms), key=len):
        if not any(each in form for each in found):
            found.append(form)
    return tuple(found)


def _inside_base64(secret: bytes) -> Iterable[bytes]:
    """Return what of base64 is the same whatever stands before and after the secret, for each place it can begin at."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        first = (0, 2, 3)[before]
        last = len(encoded) - (0, 3, 2)[(before + len(secret)) % 3]
        inside = encoded[first:last]
        yield inside
        yield inside.translate(bytes.maketrans(b"+/", b"-_"))
        yield quote(inside, safe="").encode()
