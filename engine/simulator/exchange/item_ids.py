"""Ids as Exchange makes them for items and folders: long, opaque, case-sensitive, and of one mailbox only."""

import base64
import binascii
import zlib

from engine.simulator.exchange.soap import Refusal
from engine.simulator.world import CalendarItem

ITEM = b"\x00\x00\x01\x02simulated calendar folder, store and provider of the entry\x00"
FOLDER = b"\x00\x00\x01\x01simulated folder, store and provider of the entry\x00"


def item_id(mailbox: str, item: CalendarItem) -> str:
    """Return the id of an item in the mailbox with that primary address."""
    return opaque_id(ITEM, mailbox, item.key)


def change_key(item: CalendarItem) -> str:
    """Return the key that differs whenever anything about the item does."""
    return base64.b64encode(zlib.crc32(repr(item).encode()).to_bytes(4, "big")).decode()


def opaque_id(kind: bytes, mailbox: str, key: str) -> str:
    """Return the id of what is called `key` in the mailbox with that primary address."""
    return base64.b64encode(kind + f"{mailbox.casefold()}\0{key}".encode()).decode()


def read_id(kind: bytes, text: str) -> tuple[str, str]:
    """Return mailbox and key. Raises Refusal for anything that is no id of that kind."""
    try:
        raw = base64.b64decode(text, validate=True)
        mailbox, separator, key = raw.removeprefix(kind).decode().partition("\0")
    except (binascii.Error, UnicodeDecodeError):
        raw, separator = b"", ""
    if not raw.startswith(kind) or not separator:
        raise Refusal("ErrorInvalidIdMalformed", "Id is malformed.")
    return mailbox, key
