"""The Windows domain that a server names when a log-in by NTLM is opened, and the names of accounts in it.

A server answers the first message of NTLM with a challenge that says where it is (MS-NLMP 2.2.1.2 and 2.2.2.1). The
first message holds no name and no password, so it is no log-in, and nothing is counted as one.
"""

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from engine.exchange.http.auth import offered

_SIGNATURE = b"NTLMSSP\0"
_UNICODE, _OEM, _REQUEST_TARGET, _NTLM = 0x1, 0x2, 0x4, 0x200
_ALWAYS_SIGN, _EXTENDED_SECURITY, _128, _56 = 0x8000, 0x80000, 0x20000000, 0x80000000
_FLAGS = _UNICODE | _OEM | _REQUEST_TARGET | _NTLM | _ALWAYS_SIGN | _EXTENDED_SECURITY | _128 | _56
_FIRST = _SIGNATURE + struct.pack("<II16x", 1, _FLAGS)
_CHALLENGE = _SIGNATURE + struct.pack("<I", 2)
_TARGET_INFO = 40
"""Place of the length and the offset of the target information in a challenge."""
_END, _NETBIOS_DOMAIN, _DNS_DOMAIN = 0, 2, 4
"""Kinds of AV_PAIR: MsvAvEOL, MsvAvNbDomainName, MsvAvDnsDomainName."""
_NETBIOS_NAME = re.compile(r'[^\s\\/:*?"<>|@]{1,15}')
_DNS_NAME = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*", re.ASCII)
SCHEMES = ("NTLM", "Negotiate")
"""The schemes that take this first message, Exchange's "Negotiate" among them."""


@dataclass(frozen=True, slots=True)
class WindowsDomain:
    """A Windows domain by its NetBIOS name, and by its DNS name, "" if that is not known."""

    netbios: str
    dns: str

    def __str__(self) -> str:
        return f"{self.netbios} ({self.dns})" if self.dns else self.netbios

    def account(self, user: str) -> str:
        r"""Return the account of this domain that has the name of `user`, as `DOMAIN\user`."""
        return f"{self.netbios}\\{_name_and_domain(user)[0]}"

    def has(self, user: str) -> bool:
        r"""Return whether `user` is named as an account of this domain, as `DOMAIN\user` or `user@domain`."""
        return _name_and_domain(user)[1].casefold() in (self.netbios.casefold(), self.dns.casefold() or None)


def _name_and_domain(user: str) -> tuple[str, str]:
    domain, backslash, name = user.rpartition("\\")
    if backslash:
        return name, domain
    name, _, domain = user.partition("@")
    return name, domain


def opening(scheme: str) -> str:
    """Return the Authorization header of a first message, which no log-in follows."""
    return f"{scheme} {base64.b64encode(_FIRST).decode()}"


def domain_told(headers: Mapping[str, str], scheme: str) -> WindowsDomain | None:
    """Return the domain that the headers of a 401 name in their challenge, None if there is none to be understood."""
    try:
        message = base64.b64decode(offered(headers).get(scheme.lower(), ""), validate=True)
    except binascii.Error:
        return None
    pairs = _pairs(message)
    netbios, dns = (_text(pairs.get(kind, b"")) for kind in (_NETBIOS_DOMAIN, _DNS_DOMAIN))
    if not netbios.isprintable() or not _NETBIOS_NAME.fullmatch(netbios):
        return None
    return WindowsDomain(netbios, dns if _DNS_NAME.fullmatch(dns) else "")


def _pairs(message: bytes) -> Mapping[int, bytes]:
    """Return the AV_PAIRs of a challenge, alone or within SPNEGO, by their kinds; none if it has no such part."""
    start = message.find(_CHALLENGE)
    challenge = message[start:] if start >= 0 else b""
    if len(challenge) < _TARGET_INFO + 8:
        return {}
    size, offset = struct.unpack_from("<H2xI", challenge, _TARGET_INFO)
    rest, found = challenge[offset : offset + size], dict[int, bytes]()
    while len(rest) >= 4:
        kind, length = struct.unpack_from("<HH", rest)
        if kind == _END or len(rest) < 4 + length:
            break
        found[kind], rest = rest[4 : 4 + length], rest[4 + length :]
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-16-le")
    except UnicodeDecodeError:
        return ""
