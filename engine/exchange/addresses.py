"""Recognition and comparison of SMTP addresses, of the PBX and of Exchange."""

import re
from unicodedata import normalize

import idna

# Exchange knows ASCII addresses only, and every address also travels in an HTTP header.
_LONGEST_DOMAIN = 255
_ADDRESS = re.compile(rf"[!-?A-~]{{1,256}}@[A-Za-z0-9.-]{{1,{_LONGEST_DOMAIN}}}")


def is_smtp_address(text: str) -> bool:
    """Return whether `text` may be the address of an Exchange mailbox."""
    return _ADDRESS.fullmatch(text) is not None


def smtp_address(text: str) -> str:
    """Return `text` as the address of an Exchange mailbox, with its domain in ASCII; "" if it cannot be one.

    An internationalised domain is converted to the form in which it is registered (RFC 5891): user@münchen.example
    becomes user@xn--mnchen-3ya.example. Capitals and combining accents are normalised first (RFC 5895), and nothing
    else is: a look-alike letter belongs to another domain. Before the @ only ASCII is allowed.
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
    """Return whether both are the same SMTP address: in ASCII, ignoring case and a trailing dot of the domain.

    Nothing else counts as equal: what Unicode or a server's search finds similar may belong to another person.
    """
    return one.isascii() and other.isascii() and one.lower().rstrip(".") == other.lower().rstrip(".")


def domain_of(address: str) -> str:
    """Return the domain of an SMTP address in lower case."""
    return address.rpartition("@")[2].lower()
