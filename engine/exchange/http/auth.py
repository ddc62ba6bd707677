"""Authentication: challenges, NTLM and Negotiate messages, channel binding, bearer tokens. No I/O."""

import base64
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

from engine.core.secret import Secret
from engine.exchange.errors import ExchangeFailure, LoginMethodNotOffered, NotUnderstood
from engine.logins.rules import Account
from engine.settings.model import Authentication
from engine.tls.certificate import UNREADABLE

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf"""\s*(?:
        (?P<parameter>{_WORD})\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|{_WORD})\s*(?=,|$)
        | (?P<scheme>{_WORD})(?![^,\s]|\s*=)(?:[ ]+(?P<token68>[A-Za-z0-9._~+/-]+=*)\s*(?=,|$))?
    )""",
    re.VERBOSE,
)


def offered(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the schemes offered, in lower case, each with its token68 or its parameters, "" if it has none.

    A list of challenges and the parameters of each are both separated by commas (RFC 9110, sections 11.3 and 11.6.1):
    `Basic realm="a, b", charset="utf-8", NTLM` are two. Anything else is skipped up to the next comma.
    """
    text = headers.get("www-authenticate", "")
    found: dict[str, list[str]] = {}
    follows: list[str] = []
    place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            comma = text.find(",", place)
            place = len(text) if comma < 0 else comma + 1
            continue
        if (scheme := part["scheme"]) is not None:
            follows = found.setdefault(scheme.lower(), [])
            follows += [part["token68"]] if part["token68"] else []
        else:
            follows.append(f"{part['parameter']}={part['value']}")
        place = part.end()
        while place < len(text) and text[place] in ", \t":
            place += 1
    return {scheme: ", ".join(each) for scheme, each in found.items()}


@dataclass(frozen=True, slots=True)
class Credential:
    r"""User, password and method of a log-in. `user` is `DOMAIN\user` or `user@domain`."""

    user: str
    password: Secret
    authentication: Authentication
    channel_binding: bool

    @property
    def account(self) -> Account:
        r"""The account that the server may lock; `DOMAIN\user` and `user@domain` count as the same, as they may be."""
        name = self.user.rpartition("\\")[2].partition("@")[0]
        return Account("exchange.password", name.casefold())

    def identity(self) -> str:
        """Return a text that identifies this user and password."""
        return f"{self.user.casefold()}\0{self.password.reveal()}"


class Handshake:
    """NTLM, alone or wrapped in SPNEGO, over HTTP (RFC 4559, MS-NTHT): two messages on one connection.

    "Negotiate" means NTLM inside SPNEGO: Kerberos would need its libraries and a service principal name.
    """

    def __init__(self, credential: Credential, host: str) -> None:
        self._scheme = "NTLM" if credential.authentication is Authentication.NTLM else "Negotiate"
        self._host = host
        self._context = spnego.client(
            credential.user,
            credential.password.reveal(),
            hostname=host,
            service="http",
            protocol=self._scheme.lower(),
        )

    def opening(self) -> str:
        """Return the Authorization header of the first message."""
        return self._authorization(self._context.step())

    def reply(self, headers: Mapping[str, str], binding: GssChannelBindings | None) -> str:
        """Return the Authorization header of the second message, given the headers of the 401 to the first.

        Raises `LoginMethodNotOffered` if they hold no challenge, `NotUnderstood` if it is invalid.
        """
        offers = offered(headers)
        challenge = offers.get(self._scheme.lower())
        if not challenge:
            raise not_offered(self._host, self._scheme, offers)
        try:
            token = self._context.step(base64.b64decode(challenge, validate=True), channel_bindings=binding)
        except Exception as error:  # the parser of the challenge does not document which errors it raises
            raise NotUnderstood(f"the {self._scheme} challenge of {self._host}: {type(error).__name__}") from error
        return self._authorization(token)

    def _authorization(self, token: bytes | None) -> str:
        return f"{self._scheme} {base64.b64encode(token or b'').decode()}"


def basic_authorization(credential: Credential) -> str:
    """Return the Authorization header of HTTP Basic (RFC 7617), which is sent with every request."""
    return "Basic " + base64.b64encode(f"{credential.user}:{credential.password.reveal()}".encode()).decode()


def not_offered(host: str, scheme: str, offers: Mapping[str, str]) -> LoginMethodNotOffered:
    """Return the failure that names the method wanted and those offered."""
    offer = ", ".join(sorted(offers)) or "nothing"
    return LoginMethodNotOffered(f"{host} does not accept {scheme}; it offers {offer}")


class RequestAuth(Protocol):
    """An authorization sent with each request (such as a token), shared by all connections."""

    user: str

    def refusal(self, host: str, headers: Mapping[str, str], body: bytes) -> ExchangeFailure:
        """Return the failure that a 401 of this host, with these headers and this body, is reported as."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a turn to send a request: until one was accepted, they are sent one at a time."""
        ...

    async def authorization(self) -> str:
        """Return the value of the Authorization header. Raises an `ExchangeFailure` while there is none."""
        ...

    def accepted(self) -> None:
        """Note that a request was accepted."""
        ...

    def refused(self, authorization: str, host: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Note a 401 with these headers and this body; return whether the next request will have another
        authorization."""
        ...

    async def close(self) -> None:
        """Release the resources for getting an authorization."""
        ...


TOO_WEAK = ("md5", "sha1")


def tls_server_end_point(certificate: bytes) -> GssChannelBindings:
    """Return the channel binding for a server's certificate (DER), hashed as in RFC 5929, section 4.1.

    Exchange requires it if Extended Protection is on, which is the default since Exchange 2019 CU14.
    """
    digest = hashes.Hash(_signature_hash(certificate))
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


def _signature_hash(certificate: bytes) -> hashes.HashAlgorithm:
    """Return the hash for a certificate; OpenSSL has accepted it, so errors of this parser do not matter."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UNREADABLE:
        algorithm = None
    return hashes.SHA256() if algorithm is None or algorithm.name in TOO_WEAK else algorithm


LOOKED_AT = 4096
_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:Envelope|Autodiscover)[\s>]")


def proves_log_in(status: int, headers: Mapping[str, str], body: bytes, *, in_pieces: bool) -> bool:
    """Return whether Exchange itself has answered: any SOAP, or autodiscover's own XML.

    A status alone proves nothing: front ends, load balancers and proxies answer a wrong log-in with any of them. Only
    the media type is known of an answer read `in_pieces`; by then, other answers have long proved the log-in.
    """
    if status == 401:
        return False
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if in_pieces:
        return status == 200 and "html" not in media_type
    # Without the zero bytes of UTF-16.
    return "html" not in media_type and _ROOT.search(body[:LOOKED_AT].replace(b"\0", b"")) is not None
