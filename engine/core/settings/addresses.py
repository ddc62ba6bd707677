"""The parsers of names and addresses: hosts, URLs, mailboxes, accounts, files, fingerprints."""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from engine.core.settings.values import Refusal, shown, text

_LABEL = r"(?!-)[\w-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAIL = re.compile(rf"[^@\s\\]+@{_LABEL}(\.{_LABEL})+")
_ACCOUNT = re.compile(r"[^@\s\\]+\\[^@\\]+")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def host(value: object) -> str | Refusal:
    """Read a host name or IP address, without scheme, port and path; the brackets of a URL around IPv6 go."""
    name = text(value)
    if isinstance(name, Refusal) or _is_domain(name):
        return name
    if _is_ip(name):
        return name.strip("[]")
    return Refusal(
        f"is no host name: {shown(name)}", "Write the name or the IP address alone, without https://, port and path."
    )


def domain(value: object) -> str | Refusal:
    """Read a DNS domain."""
    name = text(value)
    if isinstance(name, Refusal) or _is_domain(name):
        return name
    return Refusal(f"is no domain: {shown(name)}", 'Write a domain like "example.com".')


def listening_address(value: object) -> str | Refusal:
    """Read the IP address of an interface."""
    address = text(value)
    if isinstance(address, Refusal) or _is_ip(address):
        return address
    return Refusal(f"is no IP address: {shown(address)}", 'Write an address of this machine, or "0.0.0.0" for all.')


def url_path(value: object) -> str | Refusal:
    """Read the path part of a URL."""
    path = text(value)
    if isinstance(path, Refusal) or re.fullmatch(r"/[^\s?#]*", path):
        return path
    return Refusal(f"is no path of a URL: {shown(path)}", 'Begin it with "/", without host, "?" and "#".')


def https_url(value: object) -> str | Refusal:
    """Read a URL that begins with https://. A refusal never quotes it, since a password may be in it."""
    url = text(value)
    if isinstance(url, Refusal):
        return url
    remedy = 'Write it like "https://mail.example.com/path", without user name and password.'
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return Refusal("is no URL", remedy)
    if parts.scheme != "https":
        return Refusal("does not begin with https://", remedy)
    if "@" in parts.netloc:
        return Refusal("holds a user name", remedy)
    if re.search(r"\s", url) or not (_is_ip(name) or _is_domain(name)):
        return Refusal("has no valid host name", remedy)
    return url


def mail_address(value: object) -> str | Refusal:
    """Read an SMTP address."""
    address = text(value)
    if isinstance(address, Refusal) or _MAIL.fullmatch(address):
        return address
    return Refusal(f"is no e-mail address: {shown(address)}", 'Write it like "name@example.com".')


def account(value: object) -> str | Refusal:
    r"""Read the name of a Windows account, user@domain or DOMAIN\user."""
    name = text(value)
    if isinstance(name, Refusal) or _MAIL.fullmatch(name) or _ACCOUNT.fullmatch(name):
        return name
    return Refusal(
        f"is no account name: {shown(name)}",
        r"""Write "user@example.com", or 'DOMAIN\user' between single quotation marks.""",
    )


def contact(value: object) -> str | Refusal:
    """Read a presence contact of innovaphone (SDK, PbxApi): a word and a colon, but none that the PBX itself writes."""
    slot = text(value)
    if isinstance(slot, Refusal):
        return slot
    remedy = 'Leave it at "calendar:", the contact that innovaphone keeps for calendar apps.'
    if slot in ("tel:", "im:"):
        return Refusal(f"= {shown(slot)} would overwrite what users and the PBX set themselves", remedy)
    if not re.fullmatch(r"[A-Za-z][\w.+-]*:", slot):
        return Refusal(f"is no presence contact: {shown(slot)}", remedy)
    return slot


def file(value: object) -> Path | Refusal:
    """Read the absolute path of a file or directory; whether it exists is for its user to find out."""
    path = text(value)
    if isinstance(path, Refusal):
        return path
    if Path(path).is_absolute():
        return Path(path)
    return Refusal(f"is no absolute path: {shown(path)}", 'Write the whole path, beginning with "/".')


def fingerprint(value: object) -> str | Refusal:
    """Read a SHA-256 fingerprint, with colons or without, as 64 small hexadecimal digits."""
    digits = text(value)
    if isinstance(digits, Refusal):
        return digits
    digits = digits.replace(":", "").lower()
    if _SHA256.fullmatch(digits):
        return digits
    return Refusal("is no SHA-256 fingerprint", "Write the 64 hexadecimal digits, with or without colons.")


def guid(value: object) -> str | Refusal:
    """Read a GUID as the Entra portal shows it."""
    digits = text(value)
    if isinstance(digits, Refusal) or _GUID.fullmatch(digits):
        return digits
    return Refusal(f"is no GUID: {shown(digits)}", 'Write it like "00000000-0000-0000-0000-000000000000".')


def _is_ip(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_domain(name: str) -> bool:
    last = name.rstrip(".").rpartition(".")[2]
    return len(name) <= 253 and not last.isdigit() and _DOMAIN.fullmatch(name) is not None
