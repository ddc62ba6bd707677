"""SMTP addresses in the responses of Exchange."""

from engine.exchange.addresses import is_smtp_address
from engine.exchange.ews.safe_xml import Element, text_of
from engine.exchange.ews.soap import TYPES


def smtp_address_of(mailbox: Element) -> str | None:
    """Return the address in a Mailbox element (EmailAddressType), None if it is not an SMTP address."""
    address = text_of(mailbox, f"{TYPES}EmailAddress")
    routing = text_of(mailbox, f"{TYPES}RoutingType") or "SMTP"
    return address if routing.upper() == "SMTP" and is_smtp_address(address) else None
