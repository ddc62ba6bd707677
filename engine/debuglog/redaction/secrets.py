"""Redacts secrets: known ones, those in URLs, and anything that looks like one."""

import base64
import binascii
import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from types import MappingProxyType
from urllib.parse import unquote, urlsplit, urlunsplit

from engine.core.secret import Secret
from engine.debuglog.redaction.heuristics import may_hold_names_in_base64, may_hold_secrets, secrets_by_looks
from engine.debuglog.redaction.multi_search import MultiSearch
from engine.debuglog.redaction.names import SECRETS
from engine.debuglog.redaction.spans import BLANKED, TextRange, without
from engine.debuglog.redaction.unescaped import Text, decoded, partly_unescaped, readings, unescaped, unfolded

_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}(?:\d{1,4}(?:\.\d{1,4}){0,2}[A-Za-z]{0,10}(?:\.[A-Za-z]{1,10})?)?")
"""A path segment made of words, optionally followed by a version number."""

_NUMBER = re.compile(r"v?\d{1,4}(?:\.\d{1,4})?")
_TENANT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_QUERY_NAME = re.compile(r"\$?[A-Za-z][\w.-]{0,39}")
_ADDRESS = r"[\w.!#$&*+/=?^`{|}~'-]{1,64}@[\w.-]{1,255}"
_USER = re.compile(rf"{_ADDRESS}|{_TENANT.pattern}", re.IGNORECASE)
"""A user in a path of Microsoft Graph: an address or an object id."""

_NAME = r"[A-Za-z]{1,40}"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?"
_IS = rf"{_NAME} eq '{_ADDRESS}'|{_NAME} in \('{_ADDRESS}'(?:, ?'{_ADDRESS}')*\)|{_NAME}/any\(p:p eq '\w+:{_ADDRESS}'\)"
_ODATA: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "$select": re.compile(rf"{_NAME}(?:,{_NAME})*"),
        "$top": re.compile(r"\d{1,6}"),
        "$skip": re.compile(r"\d{1,6}"),
        "$filter": re.compile(rf"(?:{_IS})(?: or (?:{_IS}))*"),
        "startDateTime": re.compile(_INSTANT),
        "endDateTime": re.compile(_INSTANT),
    }
)
"""Query values of Microsoft Graph that say what is asked for, by what they may look like."""

_SECRET = re.compile("|".join(re.escape(name.decode()) for name in SECRETS), re.IGNORECASE)
_ENDS_IN_SECRET = re.compile(f"(?:{_SECRET.pattern})\\w{{0,8}}$", re.IGNORECASE)


def without_secrets(url: str) -> str:
    """Return a URL without user, fragment, query values, and anything but plain words in its path.

    What asks Microsoft Graph for something stays: the user, and the query values of `_ODATA`.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return BLANKED
    query = "&".join(_named(piece) for piece in parts.query.split("&") if piece)
    return urlunsplit((parts.scheme, host, _path(parts.path), query, ""))


def _named(piece: str) -> str:
    """Return the name of a query value, if it looks like one."""
    name, equals, value = piece.partition("=")
    if name in _ODATA and _ODATA[name].fullmatch(unquote(value)):
        return piece
    return f"{name}={BLANKED}" if equals and _QUERY_NAME.fullmatch(name) else BLANKED


def _path(path: str) -> str:
    kept: list[str] = []
    before = ""
    parts = path.split("/")
    is_graph = parts[1:2] == ["v1.0"]
    for number, part in enumerate(parts):
        of_graph = part == "$batch" or (before == "users" and number == _USER_AT and _USER.fullmatch(unquote(part)))
        if is_graph and of_graph:
            kept.append(part)
        else:
            kept.append(_part(part, number == 1, announced=_ENDS_IN_SECRET.search(before) is not None))
        before = part
    return "/".join(kept)


_USER_AT = 3
"""Where a path of Graph has the user: /v1.0/users/{user}."""


def _part(part: str, is_first: bool, *, announced: bool) -> str:
    known = _WORD.fullmatch(part) or _NUMBER.fullmatch(part) or (is_first and _TENANT.fullmatch(part))
    return part if not part or (known and not announced) else BLANKED


SHORTEST = 4
"""Minimum characters of a secret: anything shorter would be found everywhere."""

SHORTEST_DIGITS = 5
"""Minimum characters of base64 or hexadecimal: shorter runs are common in identifiers."""

TELLING = 16
"""Leading bytes of a form that are searched for first, as a fast pre-check."""

_CHARSETS = ("utf-8", "cp1252", "latin-1", "iso8859-15", "utf-16-le", "utf-16-be")
_RARE_CHARSETS = ("utf-32-le", "utf-32-be", "utf-7")
_SEPARATORS = ("-", ":", " ")


class KnownSecrets:
    """Finds known secrets in all their forms in one pass."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        for form in dict.fromkeys(forms):
            self._by_head.setdefault(form[:TELLING], []).append(form)
        self._heads = MultiSearch(self._by_head)

    def may_be_in(self, body: bytes) -> bool:
        """Return whether `spans` could find anything."""
        return self._heads.are_in(body)

    def spans(self, body: bytes) -> Iterator[TextRange]:
        """Yield the spans of the secrets."""
        if self._heads.are_in(body):
            for start, head in self._heads.everywhere(body):
                for form in self._by_head[head]:
                    if body.startswith(form, start):
                        yield start, start + len(form)


def forms(secret: str) -> tuple[bytes, ...]:
    """Return the forms a secret may have once unescaped: in each charset, in base64, in hexadecimal."""
    if len(secret) < SHORTEST:
        return ()
    encoded = [found for charset in _CHARSETS if (found := _encoded(secret, charset))]
    as_text = {*encoded, *_mistaken(secret)}
    as_text.update(found for charset in _RARE_CHARSETS if (found := _encoded(secret, charset)))
    as_text.update(found for each in tuple(as_text) for found in _as_undone(each))
    digits = {digits for each in encoded for digits in (*_inside_base64(each), *_hexadecimal(each))}
    return (
        *(form for form in as_text if len(form) >= SHORTEST),
        *(form for form in digits if len(form) >= SHORTEST_DIGITS),
    )


def _encoded(secret: str, charset: str) -> bytes | None:
    """Return a secret in a charset, None if it cannot be encoded. Lone surrogates become the bytes they stand for."""
    try:
        return secret.encode(charset, "surrogateescape" if charset == "utf-8" else "strict")
    except UnicodeEncodeError:
        return None


def _mistaken(secret: str) -> Iterator[bytes]:
    """Yield its forms with confused charsets, or with plus signs for blanks."""
    if " " in secret:
        yield from (found for charset in _CHARSETS if (found := _encoded(secret.replace(" ", "+"), charset)))
    if secret.isascii():
        return
    plain = secret.encode("utf-8", "surrogateescape")
    yield secret.encode("utf-16-le", "surrogatepass")[::2]
    yield plain.decode("latin-1").encode()
    yield plain.decode("cp1252", "replace").encode()
    kept = sum(character.isascii() for character in secret)
    if kept >= 2 * SHORTEST:
        yield secret.encode("ascii", "replace")
        yield "".join(character if character.isascii() else "\ufffd" for character in secret).encode()


def _as_undone(form: bytes) -> Iterator[bytes]:
    """Yield a form after unescaping anything in it that looks like an escape, and unchanged."""
    undone = unescaped(Text(form)).content
    # A backslash at its end may be unescaped together with the character after it.
    for each in dict.fromkeys((undone, undone.rstrip(b"\\"))):
        if each != form and len(each) >= SHORTEST:
            yield each


def _inside_base64(secret: bytes) -> Iterator[bytes]:
    """Yield the base64 digits that do not depend on the bytes around the secret, for each alignment."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        first = (0, 2, 3)[before]
        last = len(encoded) - (0, 3, 2)[(before + len(secret)) % 3]
        inside = encoded[first:last]
        yield inside
        yield inside.translate(bytes.maketrans(b"+/", b"-_"))


def _hexadecimal(secret: bytes) -> Iterator[bytes]:
    for separated in (secret.hex(), *(binascii.hexlify(secret, sign).decode() for sign in _SEPARATORS)):
        yield separated.encode()
        yield separated.upper().encode()


LEARNED = 8
"""Maximum number of tokens kept: each is valid for an hour, so older ones have expired."""

LEARNED_AT_ONCE = 3
"""Maximum number of tokens kept from one response: a legitimate one has no more."""

LONGEST_TOKEN = 16 * 1024
"""Maximum bytes of a token that is kept."""

URLS = 100
"""Size of the cache: nearly all requests go to the same few URLs."""

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
"""Headers whose values are kept. All others are blanked."""

_NAMES_KNOWN = KEPT_HEADERS | {"authorization", "cookie", "location", "set-cookie", "www-authenticate"}
_CHALLENGE = re.compile(r"(?:^|,\s*)([A-Za-z]+)(?=[\s,]|$)")
_TOKEN = re.compile(rb'"(?:access|refresh|id)_token"\s{0,9}:\s{0,9}"([^"]{1,%d}+)"' % LONGEST_TOKEN)


Headers = tuple[tuple[str, str], ...]


class SecretRedactor:
    """Blanks secrets; known ones are found in any form. Tokens seen in a response become known ones."""

    def __init__(self) -> None:
        self._forms: tuple[bytes, ...] = ()
        self._learned: deque[tuple[bytes, ...]] = deque(maxlen=LEARNED)
        self._known = KnownSecrets(())
        self._urls: dict[str, str] = {}
        self._lock = threading.Lock()

    def know(self, secrets: Iterable[Secret]) -> None:
        """Add known secrets; thread-safe."""
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
        """Return headers with most values blanked; of log-ins and cookies, scheme and names remain."""
        pairs = self.allowed(headers)
        if self.finds_nothing_in(as_bytes(pairs)):
            return pairs
        return tuple((self.text(name), self.text(value)) for name, value in pairs)

    def allowed(self, headers: Mapping[str, str]) -> Headers:
        """Return headers with only the permitted values that contain no secret."""
        kept = dict(headers.items())
        for name in [name for name in kept if name.lower() not in KEPT_HEADERS]:
            kept[name] = self._kept(name.lower(), kept[name])
        return tuple(kept.items())

    def finds_nothing_in(self, body: bytes) -> bool:
        """Return whether `body` contains no secret: one search of joined pieces is faster than many small ones."""
        return self._finds_nothing_in(body, readings(body))

    def url(self, url: str) -> str:
        """Return a URL without user, fragment and query values."""
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
        """Return whether `_spans` cannot find anything: a fast check that suffices for nearly all bodies."""
        known = self._known
        if any(known.may_be_in(text.content) for text in partly_unescaped(body)):
            return False
        return not known.may_be_in(body) and not any(
            may_hold_secrets(text.content)
            or (text.content is not body and known.may_be_in(text.content))
            or ((folded := unfolded(text)) is not None and known.may_be_in(folded.content))
            for text in texts
        )

    def _spans(self, body: bytes, texts: Iterable[Text]) -> Iterator[TextRange]:
        known = self._known
        yield from known.spans(body)
        for text in partly_unescaped(body):
            yield from map(text.origin, known.spans(text.content))
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
    """Return headers in the form searched for secrets, without the known names."""
    lines = [value if name.lower() in _NAMES_KNOWN else f"{name}\r{value}" for name, value in headers]
    return joined(line.encode(errors="surrogateescape") for line in lines)


def joined(pieces: Iterable[bytes]) -> bytes:
    """Join pieces for a single search, separated so that no match spans two of them."""
    return b"\n>".join(pieces)
