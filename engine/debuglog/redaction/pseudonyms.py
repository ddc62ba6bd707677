"""Blanks personal data in bodies, and replaces addresses by pseudonyms.

Mailbox addresses stay, since administrators search for them; those of organizers do not.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from engine.debuglog.redaction.multi_search import MultiSearch
from engine.debuglog.redaction.personal_json import is_json, personal_spans
from engine.debuglog.redaction.spans import TextRange, without

_TEXTS = (b"Subject", b"Location", b"DisplayName", b"Name", b"NormalizedSubject", b"ConversationTopic", b"Preview")
_TREES = (
    *(b"Organizer", b"EnhancedLocation", b"RequiredAttendees", b"OptionalAttendees", b"Resources", b"Categories"),
    *(b"TextBody", b"UniqueBody", b"Contact", b"AdjacentMeetings", b"ConflictingMeetings"),
)
_BODY = b"Body"
"""Of the two elements of that name, the one with a type attribute is the content of an item."""

_NAMES = frozenset((*_TEXTS, *_TREES, _BODY))
# Markers that identify an element. Name is an attribute nearly everywhere.
_SIGNS = MultiSearch((*(_NAMES - {b"Name", _BODY}), b"<Name", b":Name", b"BodyType"))

_ITEMS = (b"CalendarItem", b"CalendarEvent", b"MeetingRequest", b"MeetingCancellation")
_ITEM = re.compile(rb"<(?:[^\s<>/:]+:)?(%b)(?:\s[^<>]*)?(?<!/)>" % b"|".join(_ITEMS))
_OPEN_TO_ALL = re.compile(rb"Sensitivity(?:\s[^<>]*)?>\s*Normal\s*</|IsPrivate(?:\s[^<>]*)?>\s*false\s*</")
_TAG = re.compile(rb"<(?:[^\s<>/:]+:)?(\w+)(?:\s[^<>]*)?(?<!/)>")
_END = {name: re.compile(rb"</(?:[^\s<>/:]+:)?%b\s*>" % name) for name in (*_TREES, _BODY, *_ITEMS)}
# One that is not blank.
_TEXT = re.compile(rb"(?!\s*+(?:<[^!]|\Z))(?:<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|[^<]++)++", re.DOTALL)
_ANY_TAG = re.compile(rb"<[^!<>][^<>]*>")
_SETTINGS = b"/exchange/2010/Autodiscover"


def blank_personal(body: bytes, *, subjects: bool) -> bytes:
    """Blank subjects, locations, organizers and names; with `subjects`, those of private items only.

    An item not marked as non-private counts as private.
    """
    if is_json(body):
        return without(body, personal_spans(body, subjects=subjects))
    spans = list(_spans(body))
    return without(body, _those_within(spans, list(_private_items(body))) if subjects and spans else spans)


def _private_items(body: bytes) -> Iterator[TextRange]:
    done = 0
    while item := _ITEM.search(body, done):
        done = _end_of(item[1], body, item.end())
        if not _OPEN_TO_ALL.search(body, item.end(), done):
            yield item.end(), done


def _those_within(spans: Iterable[TextRange], items: Sequence[TextRange]) -> Iterator[TextRange]:
    for span in spans:
        before = bisect_right(items, span)
        if before and span[0] < items[before - 1][1]:
            yield span


def _spans(body: bytes) -> Iterator[TextRange]:
    """Yield the spans of personal texts."""
    settings: bool | None = None
    done = 0
    for _, place in _SIGNS.where(body):
        opened = body.rfind(b"<", done, place + 1) if place >= done else -1
        tag = _TAG.match(body, opened) if opened >= 0 else None
        done = max(done, place + 1)
        if tag is None or tag[1] not in _NAMES:
            continue
        if tag[1] == b"Name":
            # In autodiscover, names are values of settings.
            settings = _SETTINGS in body if settings is None else settings
            if settings:
                continue
        if tag[1] in _END:
            done = _end_of(tag[1], body, tag.end())
            yield from _texts(body, tag.end(), done)
        elif text := _TEXT.match(body, tag.end()):
            yield text.span()
            done = text.end()


def _end_of(name: bytes, body: bytes, start: int) -> int:
    """Return the end of the element that began before `start`; a truncated one ends with the body."""
    found = _END[name].search(body, start)
    return found.start() if found else len(body)


def _texts(body: bytes, start: int, end: int) -> Iterator[TextRange]:
    """Yield the spans of texts; the elements around them stay, to show what was there."""
    done = start
    for opened in (start, *(tag.end() for tag in _ANY_TAG.finditer(body, start, end))):
        if opened >= done and (text := _TEXT.match(body, opened, end)):
            yield text.span()
            done = text.end()


_ADDRESS = re.compile(rb"[\w.!#$%&*+/=?^`{|}~\x80-\xff-]{1,64}@[\w\x80-\xff](?:[\w.\x80-\xff-]{0,250}[\w\x80-\xff])?")
_ENCODED = re.compile(rb"%40", re.IGNORECASE)


class Pseudonyms:
    """Consistent pseudonyms of addresses within one export."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def body(self, body: bytes) -> bytes:
        """Replace the addresses in bytes."""
        return _ADDRESS.sub(self._other, _ENCODED.sub(b"@", body) if b"%40" in body else body)

    def text(self, text: str) -> str:
        """Replace the addresses in a text."""
        return self.body(text.encode(errors="replace")).decode(errors="replace")

    def _other(self, match: re.Match[bytes]) -> bytes:
        address = match[0].lower()
        if address not in self._known:
            self._known[address] = b"mailbox-%d@redacted.invalid" % (len(self._known) + 1)
        return self._known[address]
