"""Explains why a certificate is not trusted, and what to do about it. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from engine.tls.certificate import Certificate

EXPIRED, NOT_YET_VALID = 10, 9
SELF_SIGNED, SELF_SIGNED_IN_CHAIN = 18, 19
ISSUER_UNKNOWN = (20, 21, 2)
OTHER_NAME = (62, 64)
"""Verification errors of OpenSSL (x509_vfy.h), the values of ssl.SSLCertVerificationError.verify_code."""

MOST_NAMES = 10
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Server:
    """The server that the certificate is for: its `name` as in "the PBX certificate", its expected `host`, the `place`
    where the certificate was seen, and the settings that concern it."""

    name: str
    host: str
    place: str
    ca_setting: str
    host_settings: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reason why a certificate is not trusted: `meaning`, `remedy` and `detail` as those of a failure."""

    meaning: str
    detail: str
    remedy: str


class Flaw(Enum):
    """What is wrong with a certificate that is not trusted."""

    EXPIRED = auto()
    NOT_YET_VALID = auto()
    OF_ITS_CA = auto()
    """A certificate of the CA above it is not valid at present."""
    NAMELESS = auto()
    OTHER_NAMES = auto()
    SELF_SIGNED = auto()
    ISSUER_UNKNOWN = auto()
    TOO_WEAK = auto()


def flaw_of(code: int, shown: Certificate | None, now: datetime) -> Flaw:
    """Return what is wrong by OpenSSL's `code` and the certificate that was `shown`, if any.

    OpenSSL reports only the first problem it finds; dates are checked first here, because nothing else helps while
    they are wrong. `now` is the machine's own time, by which certificates are judged.
    """
    if shown.ends < now if shown is not None else code == EXPIRED:
        return Flaw.EXPIRED
    if shown.begins > now if shown is not None else code == NOT_YET_VALID:
        return Flaw.NOT_YET_VALID
    if code in (EXPIRED, NOT_YET_VALID):
        return Flaw.OF_ITS_CA
    if code in OTHER_NAME:
        return Flaw.NAMELESS if shown is not None and not shown.names else Flaw.OTHER_NAMES
    if code == SELF_SIGNED:
        return Flaw.SELF_SIGNED
    return Flaw.ISSUER_UNKNOWN if code == SELF_SIGNED_IN_CHAIN or code in ISSUER_UNKNOWN else Flaw.TOO_WEAK


def verdict(server: Server, code: int, message: str, shown: Certificate | None, now: datetime) -> Verdict:
    """Return the verdict for OpenSSL's `code` and `message` and the certificate that was `shown`, if any; see
    `flaw_of`."""
    meaning, remedy = _words(server, flaw_of(code, shown, now), shown)
    facts = f"; {_facts(shown)}" if shown is not None else ""
    return Verdict(meaning, f"{server.place}: {message}{facts}", remedy)


def _words(server: Server, flaw: Flaw, shown: Certificate | None) -> tuple[str, str]:
    what = f"The {server.name} certificate"
    match flaw:
        case Flaw.EXPIRED:
            return f"{what} has expired", (
                "Renew the certificate on the server; no setting has to change here. If it was renewed already, check "
                "that the server uses the new one, and that the clock of this machine is right."
            )
        case Flaw.NOT_YET_VALID:
            return f"{what} is not valid yet", (
                "Compare the clocks of this machine and of the one that issued the certificate (timedatectl); "
                "otherwise wait until it is valid, or go back to the previous one."
            )
        case Flaw.OF_ITS_CA:
            return f"A CA certificate above the {server.name} certificate is not valid at present", (
                "Renew the certificates of the CA on the server, which sends them along, and in the file that "
                f"{server.ca_setting} names, if any."
            )
        case Flaw.NAMELESS:
            return f"{what} has no alternative names", (
                f"Have one issued with {server.host} among its subject alternative names (SAN); as in browsers, the "
                "common name (CN) alone is not accepted."
            )
        case Flaw.OTHER_NAMES:
            return f"{what} is for other names", (
                f"Use one of its names in {server.host_settings}, or have one issued that is also for {server.host}."
            )
        case Flaw.SELF_SIGNED:
            return f"{what} is self-signed", (
                f"If its SHA-256 is the one that the server itself shows, set {server.ca_setting} to this certificate "
                "(PEM). Better: have one issued by a CA."
            )
        case Flaw.ISSUER_UNKNOWN:
            issuer = f' "{_short(shown.issuer)}"' if shown is not None else ""
            return f"{what} was issued by a CA that is not trusted here", (
                f"Set {server.ca_setting} to the certificate (PEM) of the CA{issuer}. If this machine trusts that CA "
                "already, the server does not send an intermediate certificate: install the whole chain there."
            )
        case Flaw.TOO_WEAK:
            return f"{what} is not trusted", (
                "Have a certificate issued for it that meets current requirements (a key of 2048 bits or more, "
                "SHA-256, for server authentication, not revoked)."
            )


def _facts(shown: Certificate) -> str:
    names = ", ".join(_short(name) for name in shown.names[:MOST_NAMES])
    more = f" and {len(shown.names) - MOST_NAMES} more" if len(shown.names) > MOST_NAMES else ""
    coverage = f"for {names}{more}" if names else "without alternative names"
    by = "itself" if shown.issued_by_itself else _short(shown.issuer)
    return (
        f"it belongs to {_short(shown.subject)}, {coverage}, issued by {by}, "
        f"valid from {shown.begins:%Y-%m-%d} until {shown.ends:%Y-%m-%d %H:%M} UTC, SHA-256 {shown.fingerprint}"
    )


def _short(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_NAME])
