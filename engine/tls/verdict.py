"""What is wrong with a certificate that is not trusted, in words of its own, and what to do about it. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from engine.tls.certificate import Certificate

EXPIRED, NOT_YET_VALID = 10, 9
SELF_SIGNED, SELF_SIGNED_IN_CHAIN = 18, 19
ISSUER_UNKNOWN = (20, 21, 2)
OTHER_NAME = (62, 64)
"""Verification errors of OpenSSL (x509_vfy.h): what ssl.SSLCertVerificationError.verify_code tells."""

MOST_NAMES = 10
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Server:
    """Whose certificate it is, in words; the `host` it ought to be for, at which `place` it was seen; and the settings
    that have to do with it."""

    what: str
    host: str
    place: str
    ca_setting: str
    host_settings: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a certificate is not trusted: `meaning` and `remedy` as those of a failure, `detail` for this one."""

    meaning: str
    detail: str
    remedy: str


def verdict(server: Server, code: int, message: str, shown: Certificate | None, now: datetime) -> Verdict:
    """Return what is wrong, by OpenSSL's `code` and `message` and the certificate that was `shown`, where it was.

    OpenSSL names the first thing that it finds; dates are looked at first, since nothing else helps while they are
    wrong. `now` is the machine's own time, which certificates are judged by.
    """
    meaning, remedy = _words(server, code, shown, now)
    facts = f"; {_facts(shown)}" if shown is not None else ""
    return Verdict(meaning, f"{server.place}: {message}{facts}", remedy)


def _words(server: Server, code: int, shown: Certificate | None, now: datetime) -> tuple[str, str]:
    what, own = f"The certificate of {server.what}", shown is None
    if (shown is not None and shown.ends < now) or (own and code == EXPIRED):
        return f"{what} has expired", (
            "Renew the certificate on the server. Nothing has to be set here; if it was renewed, look whether the "
            "server uses the new one, and whether the clock of this machine is right."
        )
    if (shown is not None and shown.begins > now) or (own and code == NOT_YET_VALID):
        return f"{what} is not valid yet", (
            "Compare the clocks of this machine and of the one that issued the certificate (timedatectl); else wait "
            "until it is valid, or go back to the one before."
        )
    if code in (EXPIRED, NOT_YET_VALID):
        return f"A CA certificate above that of {server.what} is not valid at present", (
            "Renew the certificates of the CA on the server, which sends them along, and in "
            f"{server.ca_setting} where that names a file."
        )
    if code in OTHER_NAME and shown is not None and not shown.names:
        return f"{what} has no alternative names", (
            f"Have one issued that has {server.host} among its subject alternative names (SAN); the common name (CN) "
            "alone is not accepted, as in browsers."
        )
    if code in OTHER_NAME:
        return f"{what} is for other names", (
            f"Use one of its names in {server.host_settings}, or have one issued that is for {server.host} as well."
        )
    if code == SELF_SIGNED:
        return f"{what} is signed by itself", (
            f"If its SHA-256 is the one that the server itself shows, set {server.ca_setting} to this certificate "
            "(PEM). Better: have one issued by a CA."
        )
    if code == SELF_SIGNED_IN_CHAIN or code in ISSUER_UNKNOWN:
        issuer = f' "{_short(shown.issuer)}"' if shown is not None else ""
        return f"{what} is of a CA that is not trusted here", (
            f"Set {server.ca_setting} to the certificate (PEM) of the CA{issuer}. If that is trusted by this machine "
            "already, the server leaves out an intermediate certificate: install its whole chain there."
        )
    return f"{what} is not trusted", (
        "Have a certificate issued for it that follows the rules of today (a key of 2048 bits or more, SHA-256, "
        "for server authentication, not revoked)."
    )


def _facts(shown: Certificate) -> str:
    names = ", ".join(_short(name) for name in shown.names[:MOST_NAMES])
    more = f" and {len(shown.names) - MOST_NAMES} more" if len(shown.names) > MOST_NAMES else ""
    told = f"for {names}{more}" if names else "without alternative names"
    by = "itself" if shown.issued_by_itself else _short(shown.issuer)
    return (
        f"it is that of {_short(shown.subject)}, {told}, issued by {by}, "
        f"valid from {shown.begins:%Y-%m-%d} until {shown.ends:%Y-%m-%d %H:%M} UTC, SHA-256 {shown.fingerprint}"
    )


def _short(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_NAME])
