"""Finds personal data in JSON of Microsoft Graph: subjects, locations, organizers and names.

What stands in a body is scanned, not parsed: a body may be cut off, and what is kept of it stays as it was sent.
"""

import json
import re
from dataclasses import dataclass, field

from engine.debuglog.redaction.spans import TextRange

_TEXTS = frozenset(
    (
        *("subject", "bodypreview", "weblink", "onlinemeetingurl"),
        *("displayname", "givenname", "surname", "jobtitle", "mobilephone", "officelocation"),
    )
)
_TREES = frozenset(
    (
        *("organizer", "attendees", "location", "locations", "body", "uniquebody", "categories", "onlinemeeting"),
        *("from", "sender", "torecipients", "ccrecipients", "businessphones"),
    )
)
_OF_AN_ITEM = frozenset(("subject", "showas", "sensitivity", "isprivate"))
TOKEN = re.compile(rb'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_STARTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*+[\[{]")


def is_json(body: bytes) -> bool:
    """Return whether a body looks like a JSON object or array."""
    return _STARTS.match(body) is not None


@dataclass(slots=True)
class _Frame:
    """An object or array: the personal texts found in it so far, and whether it is an item that everybody may see."""

    is_object: bool
    is_personal: bool = False
    key: str = ""
    is_value: bool = False
    is_item: bool = False
    is_open: bool = False
    spans: list[TextRange] = field(default_factory=list)

    @property
    def holds_personal(self) -> bool:
        """Whether all below the present key is personal."""
        return self.is_personal or (self.is_object and self.key in _TREES)

    def take_key(self, text: bytes) -> None:
        self.key = decoded_key(text).casefold()
        self.is_item = self.is_item or self.key in _OF_AN_ITEM

    def take_value(self, start: int, text: bytes) -> None:
        if text[:1] == b'"':
            if self.holds_personal or (self.is_object and self.key in _TEXTS):
                end = start + len(text) - (len(text) > 1 and text.endswith(b'"'))
                self.spans += [(start + 1, end)] if end > start + 1 else []
            if self.key == "sensitivity":
                self.is_open = text == b'"normal"'
        else:
            if self.holds_personal and text[:1] in b"-0123456789":
                self.spans.append((start, start + len(text)))
            if self.key == "isprivate":
                self.is_open = text == b"false"


def personal_spans(body: bytes, *, subjects: bool) -> list[TextRange]:
    """Return the spans of all personal texts; with `subjects`, those of private items only.

    An item that is not marked as normal, or as not private, counts as private.
    """
    frames, private, others = [_Frame(is_object=False)], [], []

    def close() -> None:
        frame = frames.pop()
        if not frame.is_item and frames:
            frames[-1].spans += frame.spans
        elif frame.is_item and not frame.is_open:
            private.extend(frame.spans)
        else:
            others.extend(frame.spans)

    for token in TOKEN.finditer(body):
        text, frame = token.group(), frames[-1]
        match text:
            case b"{" | b"[":
                frames.append(_Frame(text == b"{", frame.holds_personal))
            case b"}" | b"]":
                if len(frames) > 1:
                    close()
            case b":" | b",":
                frame.is_value = text == b":"
            case _ if frame.is_object and not frame.is_value:
                frame.take_key(text)
            case _:
                frame.take_value(token.start(), text)
    while frames:
        close()
    return private if subjects else private + others


def decoded_key(text: bytes) -> str:
    """Return a key, as it is if it is no JSON."""
    try:
        return str(json.loads(text)) if b"\\" in text else text.strip(b'"').decode()
    except ValueError:
        return text.decode(errors="replace")
