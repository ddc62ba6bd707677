"""What counts as an SMTP address: in what we are told to look for, and in what Exchange tells."""

import re
from unicodedata import normalize

import idna

from engine.exchange.ews.safe_xml import Element, text_of
from engine.exchange.ews.soap import TYPES

# Exchange knows ASCII addresses only, and every address also travels in an HTTP header.
_LONGEST_DOMAIN = 255
_ADDRESS = re.compile(rf"[!-?A-~]{{1,256}}@[A-Za-z0-9.-]{{1,{_LONGEST_DOMAIN}}}")


def is_smtp_address(text: str) -> bool:
    """Tell whether `text` can be the address of an Exchange mailbox."""
    return _ADDRESS.fullmatch(text) is not None


def smtp_address(text: str) -> str:
    """Return the address of an Exchange mailbox that `text` is, its domain in ASCII; "" where it cannot be one.

    A domain with other letters is meant as it is registered (RFC 5891): user@münchen.example has its mail at
    xn--mnchen-3ya.example. Capitals and accents of their own are taken for what they look like (RFC 5895), and nothing
    else is: a letter that only resembles another is in somebody else's domain. Before the @ there is ASCII alone.
    """
    local, _, domain = text.rstrip(".").rpartition("@")
    if not domain.isascii():
        if len(domain) > _LONGEST_DOMAIN:
            return ""
        try:
            domain = idna.encode(normalize("NFC", domain.lower())).decode()
        except idna.IDNAError:
            return ""
    address = f"{local}@{domain}"
    return address if is_smtp_address(address) else ""


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
