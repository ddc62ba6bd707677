"""Blanks secrets: those we know in whatever form they take, and what looks like one by its place or its shape."""

import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from engine.core.redaction.addresses import without_secrets
from engine.core.redaction.known import KnownSecrets, forms
from engine.core.redaction.looks import may_hold_names_in_base64, may_hold_secrets, secrets_by_looks
from engine.core.redaction.spans import BLANKED, Span, without
from engine.core.redaction.unescaped import Text, decoded, readings, unfolded
from engine.core.secret import Secret

LEARNED = 8
"""Tokens that are remembered: each is good for an hour, so the older ones have ended."""

LEARNED_AT_ONCE = 3
"""Tokens that are remembered of one answer: an honest one has no more."""

LONGEST_TOKEN = 16 * 1024
"""Bytes of a token that is remembered."""

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
_TOKEN = re.compile(rb'"(?:access|refresh|id)_token"\s{0,9}:\s{0,9}"([^"]{1,%d}+)"' % LONGEST_TOKEN)


Headers = tuple[tuple[str, str], ...]


class SecretRedactor:
    """Blanks secrets; those it knows are found in any form. Tokens that go by in an answer are known from then on."""

    def __init__(self) -> None:
        self._forms: tuple[bytes, ...] = ()
        self._learned: deque[tuple[bytes, ...]] = deque(maxlen=LEARNED)
        self._known = KnownSecrets(())
        self._urls: dict[str, str] = {}
        self._lock = threading.Lock()

    def know(self, secrets: Iterable[Secret]) -> None:
        """Know these, too, from now on; on any thread."""
        found = [form for secret in secrets for form in forms(secret.reveal())]
        with self._lock:
            self._forms = tuple(dict.fromkeys((*self._forms, *found)))
            self._search_all()

    def body(self, body: bytes) -> bytes:
        """Return a body without secrets."""
        texts = tuple(readings(body))
        if self._finds_nothing_in(body, texts):
            return body
        self._learn(body)
        return without(body, self._spans(body, texts))

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
        return self._finds_nothing_in(body, readings(body))

    def url(self, url: str) -> str:
        """Return a URL without user, fragment and the values of its query."""
        found = self._urls.get(url)
        if found is None:
            if len(self._urls) >= URLS:
                self._urls.clear()
            found = self._urls[url] = self.text(without_secrets(url))
        return found

    def _kept(self, name: str, value: str) -> str:
        if name == "location":
            return self.text(without_secrets(value))
        if name == "www-authenticate":
            return ", ".join(_CHALLENGE.findall(value)) or BLANKED
        return BLANKED

    def _finds_nothing_in(self, body: bytes, texts: Iterable[Text]) -> bool:
        """Tell whether `_spans` has nothing to look at: nearly all bodies are done with that, escaped or not."""
        known = self._known
        return not known.may_be_in(body) and not any(
            may_hold_secrets(text.content)
            or (text.content is not body and known.may_be_in(text.content))
            or ((folded := unfolded(text)) is not None and known.may_be_in(folded.content))
            for text in texts
        )

    def _spans(self, body: bytes, texts: Iterable[Text]) -> Iterator[Span]:
        known = self._known
        yield from known.spans(body)
        for text in texts:
            if text.content is not body:
                yield from map(text.origin, known.spans(text.content))
            yield from map(text.origin, secrets_by_looks(text))
            if folded := unfolded(text):
                yield from map(folded.origin, known.spans(folded.content))
            if may_hold_names_in_base64(text.content):
                inner = decoded(text)
                yield from map(inner.origin, known.spans(inner.content))
                yield from map(inner.origin, secrets_by_looks(inner))

    def _learn(self, body: bytes) -> None:
        for token in islice(_TOKEN.finditer(body), LEARNED_AT_ONCE):
            found = forms(token[1].decode(errors="replace"))
            with self._lock:
                if found not in self._learned:
                    self._learned.append(found)
                    self._search_all()

    def _search_all(self) -> None:
        self._known = KnownSecrets(chain(self._forms, *self._learned))
        self._urls.clear()


def as_bytes(headers: Headers) -> bytes:
    """Return headers as they are searched for secrets: names that are known are none."""
    lines = [value if name.lower() in _NAMES_KNOWN else f"{name}\r{value}" for name, value in headers]
    return joined(line.encode(errors="surrogateescape") for line in lines)


def joined(pieces: Iterable[bytes]) -> bytes:
    """Return pieces as one, to be looked through at once: nothing in it reaches from one to the next."""
    return b"\n>".join(pieces)
