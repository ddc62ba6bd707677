"""Mutation of messages, in their structure and in their bytes."""

import re
from collections.abc import Callable, Sequence
from random import Random

_PIECE = re.compile(rb"<[^<>]*>|\"[^\"]*\"|[{}\[\],:=]|\s+|[^<>\"{}\[\],:=\s]+")
_PAIRED = re.compile(rb"<([\w:]+)[^<>]*>[^<>]*</\1>|\"\w+\"\s*:\s*(?:\"[^\"]*\"|[\w.]+)")
_STRANGE = (
    *(b"", b"\0", b"\xff\xfe", b"\xed\xa0\xbc", b"&#xD83C;", b"&#0;", b"&amp;", b"&x;", b"]]>", b"<![CDATA[", b"<!--"),
    *(b"-1", b"0", b"1e309", b"99999999999999999999", b"NaN", b"null", b"true", b"[]", b"{}", b'"', b"\\", b"\\ud83c"),
    *(b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z", b"2026-02-30", b"24:00", b"\x1b[2J", b"\r\n\r\n", b"%", b"="),
    *("\u202e".encode(), "\u2028".encode(), b"<a>", b"</a>", b"<a/>", b" " * 300, b"a" * 3000),
)
_LARGEST = 20_000
"""Bytes of a message; so many inputs are tried that it is about kinds, not about sizes."""


def _bytes(message: bytes, random: Random) -> bytes:
    content = bytearray(message)
    for _ in range(random.randint(1, 4)):
        if content:
            content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)


def _cut(message: bytes, random: Random) -> bytes:
    return message[: random.randint(0, len(message))]


def _without(message: bytes, random: Random) -> bytes:
    start = random.randint(0, len(message))
    return message[:start] + message[start + random.randint(1, 60) :]


def _strange(message: bytes, random: Random) -> bytes:
    pieces = _PIECE.findall(message)
    if pieces:
        pieces[random.randrange(len(pieces))] = random.choice(_STRANGE)
    return b"".join(pieces)


def _inside(message: bytes, random: Random) -> bytes:
    """Put something strange where the text of an element, or a value, is."""
    found = list(re.finditer(rb"(?<=>)[^<>]+(?=<)|(?<=\")[^\"]*(?=\")", message))
    if not found:
        return message + random.choice(_STRANGE)
    place = random.choice(found)
    return message[: place.start()] + random.choice(_STRANGE) + message[place.end() :]


def _moved(message: bytes, random: Random) -> bytes:
    """Leave out, repeat or move something that is whole."""
    found = [match[0] for match in _PAIRED.finditer(message)]
    if not found:
        return message * random.randint(0, 2)
    one, other = random.choice(found), random.choice(found)
    return random.choice(
        (
            message.replace(one, b"", 1),
            message.replace(one, one * random.randint(2, 40), 1),
            message.replace(one, other, 1),
        )
    )


def _nested(message: bytes, random: Random) -> bytes:
    sign = random.choice((b"[", b"{", b"(", b"<a>", b'{"a":', b"<t:Items>", b"not ", b"a."))
    place = random.randint(0, len(message))
    return message[:place] + sign * random.randint(1, 2000) + message[place:]


def _encoded(message: bytes, random: Random) -> bytes:
    return message.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-16-be", "utf-8-sig", "utf-32")))


KINDS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_bytes, _cut, _without, _strange, _strange, _inside, _inside, _moved, _moved, _nested, _encoded),
)


def by_bytes(samples: Sequence[bytes], random: Random) -> bytes:
    """Return one of `samples` with a few bytes other than they were, as suits what is no text."""
    return _bytes(random.choice(samples), random)


def mutated(samples: Sequence[bytes], random: Random) -> bytes:
    """Return one of `samples` with some things wrong in it."""
    message = random.choice(samples)
    for _ in range(random.choice((1, 1, 2, 3))):
        message = random.choice(KINDS)(message, random)
    return message[:_LARGEST]
