"""Finds secrets that are known, in whatever way they are encoded."""

import base64
import binascii
from collections.abc import Iterable, Iterator

from engine.core.redaction.spans import Span
from engine.core.redaction.unescaped import Text, unescaped
from engine.core.redaction.words import Words

SHORTEST = 4
"""Characters: what is shorter than that is no secret, and would be found everywhere."""

SHORTEST_DIGITS = 5
"""Characters of base64 or hexadecimal. Identifiers are full of these."""

TELLING = 16
"""Bytes of a form that are searched for first: where these are not, it is not."""

_CHARSETS = ("utf-8", "cp1252", "latin-1", "iso8859-15", "utf-16-le", "utf-16-be")
_RARE_CHARSETS = ("utf-32-le", "utf-32-be", "utf-7")
_SEPARATORS = ("-", ":", " ")


class KnownSecrets:
    """Finds any of some forms, looking through a text once."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        for form in dict.fromkeys(forms):
            self._by_head.setdefault(form[:TELLING], []).append(form)
        self._heads = Words(self._by_head)

    def may_be_in(self, body: bytes) -> bool:
        """Tell whether `spans` has anything to look at."""
        return self._heads.are_in(body)

    def spans(self, body: bytes) -> Iterator[Span]:
        """Tell where they are."""
        if self._heads.are_in(body):
            for start, head in self._heads.everywhere(body):
                for form in self._by_head[head]:
                    if body.startswith(form, start):
                        yield start, start + len(form)


def forms(secret: str) -> tuple[bytes, ...]:
    """Return a secret as it may stand somewhere once escapes are undone: in each charset, in base64, in hexadecimal."""
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
    """Return a secret in a charset, None where that has no such characters. What is no character is the byte it was."""
    try:
        return secret.encode(charset, "surrogateescape" if charset == "utf-8" else "strict")
    except UnicodeEncodeError:
        return None


def _mistaken(secret: str) -> Iterator[bytes]:
    """Return what becomes of it where charsets are confused, or the blank is a plus sign."""
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
    """Return it as it is when all is undone that looks like an escape in it, or as what is not undone."""
    undone = unescaped(Text(form)).content
    # A backslash at its end may be undone together with what stands behind it.
    for each in dict.fromkeys((undone, undone.rstrip(b"\\"))):
        if each != form and len(each) >= SHORTEST:
            yield each


def _inside_base64(secret: bytes) -> Iterator[bytes]:
    """Return what of base64 is the same whatever stands before and after the secret, for each place it can begin at."""
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
