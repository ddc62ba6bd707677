"""What counts as an SMTP address: in what we are told to look for, and in what Exchange tells."""

import re

from engine.exchange.ews.safe_xml import Element, text_of
from engine.exchange.ews.soap import TYPES

# Exchange knows ASCII addresses only, and every address also travels in an HTTP header.
_ADDRESS = re.compile(r"[!-?A-~]{1,256}@[A-Za-z0-9.-]{1,255}")


def is_smtp_address(text: str) -> bool:
    """Tell whether `text` can be the address of an Exchange mailbox."""
    return _ADDRESS.fullmatch(text) is not None


def same_address(one: str, other: str) -> bool:
    """Tell whether both are the same SMTP address: in ASCII, regardless of case and of a dot that ends the domain.

    Nothing else is taken for equal: what Unicode or a server's search finds alike may be somebody else's.
    """
    return one.isascii() and other.isascii() and one.lower().rstrip(".") == other.lower().rstrip(".")


def domain_of(address: str) -> str:
    """Return the domain of an SMTP address in lower case."""
    return address.rpartition("@")[2].lower()


def told_address(mailbox: Element) -> str | None:
    """Return the address in a Mailbox element (EmailAddressType), None when it is not an SMTP one."""
    address = text_of(mailbox, f"{TYPES}EmailAddress")
    routing = text_of(mailbox, f"{TYPES}RoutingType") or "SMTP"
    return address if routing.upper() == "SMTP" and is_smtp_address(address) else None
