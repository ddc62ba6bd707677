"""Asks who organizes some appointments: FindItem knows only a display name, GetItem the address (MS-OXWSCORE)."""

from collections.abc import Sequence

from engine.exchange.errors import ExchangeFailure
from engine.exchange.ews.addresses import told_address
from engine.exchange.ews.safe_xml import Element, markup
from engine.exchange.ews.soap import TYPES
from engine.exchange.retry import policy_of

_REQUEST = (
    b"<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    b'<t:FieldURI FieldURI="calendar:Organizer"/></t:AdditionalProperties></m:ItemShape>'
    b"<m:ItemIds>%b</m:ItemIds></m:GetItem>"
)


def get_organizers(item_ids: Sequence[str]) -> bytes:
    """Return the operation that asks for the organizer of every item of `item_ids` (at least one)."""
    return _REQUEST % b"".join(b'<t:ItemId Id="%b"/>' % markup(item_id) for item_id in item_ids)


def concerns_one_item(failure: ExchangeFailure) -> bool:
    """Tell whether a failure that was answered for an item may be that item's own.

    The calendar has just been found, so it may be for everything but a pause, or what an address or a right is about.
    """
    return policy_of(type(failure)).may_be_of_an_item


def organizer(message: Element) -> str | None:
    """Return the organizer's SMTP address, None where there is no organizer or none with such an address.

    Exchange tells the SMTP address of everybody whom its directory knows. An address of routing type EX is of
    somebody who is no longer there, so ResolveNames would not find it either.
    """
    mailbox = message.find(f".//{TYPES}Organizer/{TYPES}Mailbox")
    return None if mailbox is None else told_address(mailbox)
