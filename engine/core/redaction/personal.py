"""Blanks what appointments are about and who people are, in the XML of Exchange, and nothing else of it.

Mailbox addresses stay, since they are what an administrator looks for; an organizer's does not.
"""

import re

from engine.core.redaction.words import Words

BLANKED = b"[blanked]"

_TEXTS = (b"Subject", b"Location", b"DisplayName", b"Name", b"NormalizedSubject", b"ConversationTopic", b"Preview")
_TREES = (
    *(b"Organizer", b"EnhancedLocation", b"RequiredAttendees", b"OptionalAttendees", b"Resources", b"Categories"),
    *(b"TextBody", b"UniqueBody", b"Contact", b"AdjacentMeetings", b"ConflictingMeetings"),
)
_ITEMS = (b"CalendarItem", b"CalendarEvent", b"MeetingRequest", b"MeetingCancellation")
_TAG = rb"<(?:[^\s<>/:]+:)?%b(?:\s[^<>]*)?(?<!/)>"
_CLOSE = rb"</(?:[^\s<>/:]+:)?%b\s*>"
_ANY_TEXT = rb"((?:<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|[^<])+)"
_TEXT_OF = {name: re.compile(rb"(%b)%b" % (_TAG % name, _ANY_TEXT), re.DOTALL) for name in _TEXTS}
_TREE_OF = {name: re.compile(rb"(%b)(.*?)(%b|\Z)" % (_TAG % name, _CLOSE % name), re.DOTALL) for name in _TREES}
# Of the two elements of that name, the content of an item says what it is.
_TREE_OF[b"BodyType"] = re.compile(
    rb"(<(?:[^\s<>/:]+:)?Body\s[^<>]*BodyType[^<>]*(?<!/)>)(.*?)(%b|\Z)" % (_CLOSE % b"Body"), re.DOTALL
)
_ITEM_OF = {name: re.compile(rb"%b.*?(?:%b|\Z)" % (_TAG % name, _CLOSE % name), re.DOTALL) for name in _ITEMS}
_INSIDE = re.compile(rb"(<[^!<>][^<>]*>|\A)%b" % _ANY_TEXT, re.DOTALL)
# What each begins with, whatever its prefix; where none of these is, nothing has to be looked at more closely.
_BEGINNINGS = {bracket + name: name for name in (*_TEXT_OF, *_TREES) for bracket in (b"<", b":")}
_BEGINNINGS[b"BodyType"] = b"BodyType"
_PERSONAL = Words(_BEGINNINGS)
_SETTINGS = b"/exchange/2010/Autodiscover"
_OPEN_TO_ALL = re.compile(rb"Sensitivity(?:\s[^<>]*)?>\s*Normal\s*</|IsPrivate(?:\s[^<>]*)?>\s*false\s*</")


def blank_personal(body: bytes, *, subjects: bool) -> bytes:
    """Return a body without subjects, locations, organizers and names; with `subjects`, only private items lose them.

    An item that does not say that it is not private, is.
    """
    if not subjects:
        return _blanked(body)
    for name, item in _ITEM_OF.items():
        if name in body:
            body = item.sub(_unless_open, body)
    return body


def _unless_open(match: re.Match[bytes]) -> bytes:
    return match[0] if _OPEN_TO_ALL.search(match[0]) else _blanked(match[0])


def _blanked(body: bytes) -> bytes:
    found = {_BEGINNINGS[beginning] for beginning, _ in _PERSONAL.where(body)}
    if not found:
        return body
    for name, tree in _TREE_OF.items():
        if name in found:
            body = tree.sub(_blank_tree, body)
    for name, text in _TEXT_OF.items():
        # In autodiscover it is a setting that has a name.
        if name in found and not (name == b"Name" and _SETTINGS in body):
            body = text.sub(_blank_text, body)
    return body


def _blank_tree(match: re.Match[bytes]) -> bytes:
    """The elements inside stay, so that it can be seen what was there."""
    return match[1] + _INSIDE.sub(_blank_text, match[2]) + match[3]


def _blank_text(match: re.Match[bytes]) -> bytes:
    return match[1] + BLANKED if match[2].strip() else match[0]
