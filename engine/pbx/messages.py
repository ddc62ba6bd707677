"""One JSON object per message: how it is read from the wire without trusting its shape, and written to it."""

import re
from collections.abc import Mapping

import msgspec

from engine.core import bounded
from engine.display import one_line
from engine.pbx.failures import PbxNotUnderstood

Message = dict[str, object]

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The PBX's own limit is not documented; a user row is a few kilobytes."""

MAX_ACCEPTED_BYTES = 1024 * 1024
"""From a PBX that connects to us."""

LONGEST_NAME = 60
"""So much of a name that a peer gives itself is kept and shown."""

_LONGEST_REASON = 200

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
"""Escapes of JSON (RFC 8259, section 7): of a surrogate pair, of half of one, and any other."""


def decode(text: str) -> Message:
    """Return the message in `text`; raises `PbxNotUnderstood` when it is not a JSON object."""
    try:
        message = bounded.json(text, object)
    except bounded.NotReadable:
        message = _decoded(_ESCAPE.sub(_paired, text))
    if not isinstance(message, dict):
        raise PbxNotUnderstood("a message is not a JSON object")
    return message


def _decoded(text: str) -> object:
    try:
        return bounded.json(text, object)
    except bounded.NotReadable as error:
        raise PbxNotUnderstood(f"a message is not JSON: {error}") from None


def _paired(escape: re.Match[str]) -> str:
    """Half of a surrogate pair, as JavaScript lets texts be cut into, is no character: a sign stands for it."""
    return "\\ufffd" if escape["half"] else escape[0]


def encode(message: object) -> str:
    """Return the compact JSON text of a message or a part of one, nothing escaped that need not be."""
    return msgspec.json.encode(message).decode()


def text_of(message: Mapping[str, object], key: str) -> str:
    """Return the text member `key`; "" when it is missing or no text, as the PBX leaves out what is empty."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def objects_of(message: Mapping[str, object], key: str) -> tuple[Message, ...]:
    """Return the objects in the list member `key`; whatever else stands there is passed over."""
    value = message.get(key)
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def name_of(message: Mapping[str, object], key: str) -> str:
    """Return the name that a peer gives itself in the text member `key`, cut and cleaned; "" as with `text_of`."""
    return one_line(text_of(message, key), LONGEST_NAME)


def refusal_of(result: Mapping[str, object]) -> str | None:
    """Return why a request was refused, in the PBX's words; None when the result carries no error.

    The error is documented as a number; others send a text.
    """
    error, reason = result.get("error"), one_line(text_of(result, "errorText"), _LONGEST_REASON)
    if error in (None, False, 0, "", "0") and not reason:
        return None
    if reason:
        return reason
    if isinstance(error, str):
        return one_line(error, _LONGEST_REASON) or "an error"
    return f"error {error}" if isinstance(error, int) and not isinstance(error, bool) else "an error"
