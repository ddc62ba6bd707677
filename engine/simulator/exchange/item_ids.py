"""Item ids as Exchange makes them: long, opaque, case-sensitive, and of one mailbox only."""

import base64
import binascii
import zlib

import msgspec

from engine.simulator.exchange.soap import Refusal
from engine.simulator.world import CalendarItem

PREFIX = b"\x00\x00\x01\x02simulated calendar folder, store and provider of the entry\x00"


def item_id(mailbox: str, item: CalendarItem) -> str:
    """Return the id of an item in the mailbox with that primary address."""
    return base64.b64encode(PREFIX + f"{mailbox.casefold()}\0{item.key}".encode()).decode()


def change_key(item: CalendarItem) -> str:
    """Return the key that differs whenever anything about the item does."""
    return base64.b64encode(zlib.crc32(msgspec.json.encode(item)).to_bytes(4, "big")).decode()


def read_item_id(text: str) -> tuple[str, str]:
    """Return mailbox and key. Raises Refusal for anything that is no id of this server."""
    try:
        raw = base64.b64decode(text, validate=True)
        mailbox, separator, key = raw.removeprefix(PREFIX).decode().partition("\0")
    except (binascii.Error, UnicodeDecodeError):
        raw, separator = b"", ""
    if not raw.startswith(PREFIX) or not separator:
        raise Refusal("ErrorInvalidIdMalformed", "Id is malformed.")
    return mailbox, key
