"""Blanks proofs of passwords, notes and names in messages of the PBX.

What stands in a message is scanned, not parsed: it may be cut off, and what is kept of it stays as it was sent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.debuglog.redaction.personal_json import TOKEN, decoded_key
from engine.debuglog.redaction.spans import TextRange, without

_PROOFS = frozenset(("digest", "challenge", "nonce", "sessionkey", "pwd", "password"))
_DIGEST = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
"""A SHA-256, wherever it stands: the proof of the password in AppLogin."""

_PERSONAL = frozenset(("note", "cn", "dn", "displayname"))
_NAMES = frozenset(("h323", "sip", "num", "e164", "appobj"))


def blank_proofs(message: bytes) -> bytes:
    """Blank what proves a password, or helps to find it."""
    return without(message, (*_values(message, _PROOFS), *(found.span() for found in _DIGEST.finditer(message))))


def blank_personal_in_message(message: bytes) -> bytes:
    """Blank notes, which contain subjects, and displayed names; names of users stay: they are searched for."""
    return without(message, _values(message, _PERSONAL))


def blank_persons_in_message(message: bytes) -> bytes:
    """Blank the names and numbers of users as well."""
    return without(message, _values(message, _PERSONAL | _NAMES))


@dataclass(slots=True)
class _Frame:
    """An object or array: whether all below it is wanted, or what stands under its present key."""

    is_object: bool
    is_wanted: bool
    is_value: bool = False
    is_key_wanted: bool = False

    @property
    def wants(self) -> bool:
        """Whether the present value is wanted."""
        return self.is_wanted or (self.is_object and self.is_key_wanted)


def _values(message: bytes, keys: frozenset[str]) -> Iterator[TextRange]:
    """Yield the spans of the texts and numbers below the members named, without their quotation marks."""
    frames = [_Frame(is_object=False, is_wanted=False)]
    for token in TOKEN.finditer(message):
        text, frame = token.group(), frames[-1]
        match text:
            case b"{" | b"[":
                frames.append(_Frame(is_object=text == b"{", is_wanted=frame.wants))
            case b"}" | b"]":
                if len(frames) > 1:
                    frames.pop()
            case b":" | b",":
                frame.is_value = text == b":"
            case _ if frame.is_object and not frame.is_value:
                frame.is_key_wanted = decoded_key(text).casefold() in keys
            case _ if frame.wants:
                start, end = token.span()
                if text.startswith(b'"'):
                    start, end = start + 1, end - (len(text) > 1 and text.endswith(b'"'))
                yield start, end
