"""The organizers of appointments: FindItem returns only a display name, GetItem the address (MS-OXWSCORE)."""

from collections.abc import Sequence

from engine.exchange.errors import ExchangeFailure
from engine.exchange.ews.addresses import smtp_address_of
from engine.exchange.ews.safe_xml import Element, markup
from engine.exchange.ews.soap import TYPES
from engine.exchange.retry import policy_of

_REQUEST = (
    b"<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    b'<t:FieldURI FieldURI="calendar:Organizer"/></t:AdditionalProperties></m:ItemShape>'
    b"<m:ItemIds>%b</m:ItemIds></m:GetItem>"
)


def get_organizers(item_ids: Sequence[str]) -> bytes:
    """Return the operation that requests the organizer of every item of `item_ids` (at least one)."""
    return _REQUEST % b"".join(b'<t:ItemId Id="%b"/>' % markup(item_id) for item_id in item_ids)


def concerns_one_item(failure: ExchangeFailure) -> bool:
    """Return whether a failure in the response for an item may concern that item alone.

    The calendar has just been read, so most failures may; a pause, or a failure of an address or a right, may not.
    """
    return policy_of(type(failure)).may_be_of_an_item


def organizer(message: Element) -> str | None:
    """Return the organizer's SMTP address, None if there is no organizer or the organizer has no such address.

    Exchange returns the SMTP address of everybody in its directory. An address of routing type EX belongs to a person
    who is no longer there, so ResolveNames would not find it either.
    """
    mailbox = message.find(f".//{TYPES}Organizer/{TYPES}Mailbox")
    return None if mailbox is None else smtp_address_of(mailbox)
