"""The simulated IIS log-in: NTLM and SPNEGO with Extended Protection, Basic, and bearer tokens."""

import base64
import binascii
import contextlib
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast
from weakref import WeakKeyDictionary

import spnego
from aiohttp import web
from multidict import CIMultiDict
from spnego._context import GSSMech
from spnego._negotiate import NegotiateProxy
from spnego._ntlm import NTLMProxy
from spnego._ntlm_raw.messages import AvId, Challenge, FileTime, NegotiateFlags, TargetInfo, Version
from spnego.channel_bindings import GssChannelBindings

NTLM_SIGNATURE = b"NTLMSSP\x00"
SPNEGO_FIRST = b"\x60"
CHANNEL_BINDINGS_PAIR = b"\x0a\x00\x10\x00"
"""Head of the AV_PAIR MsvAvChannelBindings: AvId 10, AvLen 16 (MS-NLMP 2.2.2.1)."""
NO_BINDING = bytes(16)


class Binding(StrEnum):
    """Channel binding that IIS requires of a log-in over TLS (Extended Protection)."""

    OFF = "off"
    ALLOW = "allow"
    """A log-in without a channel binding is accepted, one with a wrong binding is not."""
    REQUIRE = "require"


class Seen(StrEnum):
    """Counters of log-in attempts."""

    ANONYMOUS = "anonymous"
    """Requests without a log-in, answered with 401."""
    CHALLENGED = "challenged"
    LOGGED_IN = "logged in"
    REFUSED = "refused"
    """Complete log-ins with a wrong name, password or channel binding, which Windows counts towards a lock-out."""
    OUT_OF_TURN = "out of turn"
    """Second messages of a handshake whose first one did not come over the same connection."""


@dataclass(slots=True)
class _Connection:
    """State of one TCP connection."""

    handshake: spnego.ContextProxy | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """The Windows domain of a server, by its NetBIOS and its DNS name, and the suffix of its users' principal names."""

    netbios: str = "CORP"
    dns: str = "corp.example"
    upn_suffix: str = "corp.example"


class _Acceptor(NTLMProxy):
    """The server's side of NTLM, whose challenge says where the server is, as a member of a domain does (MS-NLMP
    2.2.1.2); that of `spnego` says "WORKSTATION"."""

    def __init__(self, domain: Domain) -> None:
        super().__init__(usage="accept", protocol="ntlm")
        self._domain = domain

    def _step_accept_negotiate(self, token: bytes) -> bytes:
        super()._step_accept_negotiate(token)
        told, domain = cast("Challenge", self._temp_challenge), self._domain
        info = TargetInfo()
        info[AvId.nb_domain_name] = domain.netbios
        info[AvId.nb_computer_name] = "EXCHANGE01"
        info[AvId.dns_domain_name] = domain.dns
        info[AvId.dns_computer_name] = f"exchange01.{domain.dns}"
        info[AvId.dns_tree_name] = domain.dns
        info[AvId.timestamp] = FileTime.now()
        self._temp_challenge = Challenge(
            (told.flags & ~NegotiateFlags.target_type_server) | NegotiateFlags.target_type_domain,
            told.server_challenge,
            target_name=domain.netbios,
            target_info=info,
            version=Version.get_current() if told.flags & NegotiateFlags.version else None,
        )
        return self._temp_challenge.pack()


class NtlmGate:
    r"""Admits a request or answers 401, like IIS with Windows authentication on a member of a domain.

    `accounts` maps `DOMAIN\user` to its password and is read for every log-in, so a test may change it while
    connections are open. Those of the server's own `domain` may also log in with its DNS name, `dns.name\user`, as
    `user@dns.name` and as `user@upn_suffix`. `schemes` are offered in this order.
    `certificate_der` is the certificate that the server presents, needed unless `binding` is off.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        *,
        binding: Binding = Binding.ALLOW,
        certificate_der: bytes | None = None,
        schemes: tuple[str, ...] = ("Negotiate", "NTLM"),
        domain: Domain | None = None,
    ) -> None:
        self.accounts = accounts
        self.seen: Counter[Seen] = Counter()
        self._binding = binding if certificate_der is not None else Binding.OFF
        self._expected_binding = _binding_hash(certificate_der or b"")
        self._schemes = schemes
        self._domain = domain or Domain()
        self._connections: WeakKeyDictionary[object, _Connection] = WeakKeyDictionary()

    async def authenticate(self, request: web.Request) -> str | web.Response:
        r"""Return the account logged in, as `DOMAIN\user`, or the 401 to answer with."""
        connection = self._connections.setdefault(request.transport, _Connection())
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme not in self._schemes:
            return self._without_log_in(connection)
        try:
            token = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            return self._refuse(Seen.OUT_OF_TURN)
        if scheme == "Basic":
            return self._basic(token)
        if _is_first_message(token):
            return self._challenge(connection, scheme, token)
        return self._conclude(connection, token)

    def _without_log_in(self, connection: _Connection) -> str | web.Response:
        connection.handshake = None
        if connection.identity is None:
            return self._refuse(Seen.ANONYMOUS)
        return connection.identity

    def _challenge(self, connection: _Connection, scheme: str, token: bytes) -> web.Response:
        connection.identity = None
        try:
            with _user_file(self._log_in_names()):
                connection.handshake = self._acceptor(scheme)
                challenge = connection.handshake.step(token)
        except Exception:  # pyspnego's parser does not document which errors it raises
            connection.handshake = None
            return self._refuse(Seen.OUT_OF_TURN)
        self.seen[Seen.CHALLENGED] += 1
        return _unauthorized(f"{scheme} {base64.b64encode(challenge or b'').decode()}")

    def _acceptor(self, scheme: str) -> spnego.ContextProxy:
        acceptor = _Acceptor(self._domain)
        if scheme == "NTLM":
            return acceptor
        acceptor._is_wrapped = True  # noqa: SLF001 - as `spnego` marks those that it makes itself
        return NegotiateProxy(usage="accept", _negotiate_contexts={GSSMech.ntlm: acceptor})

    def _conclude(self, connection: _Connection, token: bytes) -> str | web.Response:
        handshake, connection.handshake = connection.handshake, None
        if handshake is None:
            return self._refuse(Seen.OUT_OF_TURN)
        names = self._log_in_names()
        try:
            with _user_file(names):
                handshake.step(token)
        except Exception:  # as above
            return self._refuse(Seen.REFUSED)
        if not self._is_bound(token):
            return self._refuse(Seen.REFUSED)
        self.seen[Seen.LOGGED_IN] += 1
        connection.identity = names[(handshake.client_principal or "").lower()].account
        return connection.identity

    def _basic(self, token: bytes) -> str | web.Response:
        name, _, password = token.decode(errors="replace").partition(":")
        known = self._log_in_names().get(name.lower())
        if known is None or known.password != password:
            return self._refuse(Seen.REFUSED)
        self.seen[Seen.LOGGED_IN] += 1
        return known.account

    def _is_bound(self, token: bytes) -> bool:
        if self._binding is Binding.OFF:
            return True
        sent = _sent_binding(token)
        if sent is None:
            return self._binding is Binding.ALLOW
        return sent == self._expected_binding

    def _log_in_names(self) -> "dict[str, _LogInName]":
        """Return every user name that may log in, in lower case."""
        names = {}
        for account, password in self.accounts.items():
            domain, _, user = account.partition("\\")
            names[account.lower()] = _LogInName(account, domain, user, password)
            if domain.lower() != self._domain.netbios.lower():
                continue
            names[f"{self._domain.dns}\\{user}".lower()] = _LogInName(account, self._domain.dns, user, password)
            for suffix in {self._domain.dns, self._domain.upn_suffix}:
                upn = f"{user}@{suffix}"
                names[upn.lower()] = _LogInName(account, "", upn, password)
        return names

    def _refuse(self, why: Seen) -> web.Response:
        self.seen[why] += 1
        return _unauthorized(*self._schemes)


@dataclass(frozen=True, slots=True)
class _LogInName:
    account: str
    domain: str
    user: str
    password: str


@contextlib.contextmanager
def _user_file(names: Mapping[str, _LogInName]) -> Iterator[None]:
    """Pass the passwords to pyspnego's acceptor, which reads them only from a file named in the environment.

    Nothing may be awaited inside, because the environment belongs to the whole process.
    """
    variable = "NTLM_USER_FILE"
    before = os.environ.get(variable)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.writelines(f"{name.domain}:{name.user}:{name.password}\n" for name in names.values())
        file.flush()
        os.environ[variable] = file.name
        try:
            yield
        finally:
            if before is None:
                del os.environ[variable]
            else:
                os.environ[variable] = before


def _is_first_message(token: bytes) -> bool:
    if token.startswith(NTLM_SIGNATURE):
        return token[8:9] == b"\x01"
    return token.startswith(SPNEGO_FIRST)


def _binding_hash(certificate_der: bytes) -> bytes:
    """Return the hash that a client has to send: MD5 of the bindings with tls-server-end-point (RFC 5929).

    The simulated CA signs with SHA-256, so the certificate is hashed with SHA-256, too.
    """
    end_point = b"tls-server-end-point:" + hashlib.sha256(certificate_der).digest()
    return hashlib.md5(GssChannelBindings(application_data=end_point).pack(), usedforsecurity=False).digest()


def _sent_binding(token: bytes) -> bytes | None:
    """Return the channel binding of a third message; none and all zeros mean the same (MS-NLMP 2.2.2.1)."""
    start = token.find(CHANNEL_BINDINGS_PAIR)
    if start < 0:
        return None
    value = token[start + len(CHANNEL_BINDINGS_PAIR) :][:16]
    return None if value == NO_BINDING else value


def _unauthorized(*offers: str) -> web.Response:
    headers = CIMultiDict[str]()
    for offer in offers:
        headers.add("WWW-Authenticate", offer)
    return web.Response(status=401, headers=headers, text="401 - Unauthorized: Access is denied.")


EXCHANGE_ONLINE = "00000002-0000-0ff1-ce00-000000000000"
"""The application id of Office 365 Exchange Online, the same in every tenant."""


class BearerGate:
    """Admits a request or answers 401 (RFC 6750). `holder` returns the client id of a valid token, else None."""

    def __init__(self, holder: Callable[[str], str | None]) -> None:
        self.seen: Counter[Seen] = Counter()
        self._holder = holder

    async def authenticate(self, request: web.Request) -> str | web.Response:
        """Return the client id of the token, or the 401 to answer with."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return self._refuse(Seen.ANONYMOUS)
        holder = self._holder(token)
        if holder is None:
            return self._refuse(Seen.REFUSED)
        self.seen[Seen.LOGGED_IN] += 1
        return holder

    def _refuse(self, seen: Seen) -> web.Response:
        self.seen[seen] += 1
        challenge = f'Bearer client_id="{EXCHANGE_ONLINE}", token_types="app_asserted_user_v1 service_asserted_app_v1"'
        headers = {"WWW-Authenticate": challenge}
        if seen is Seen.REFUSED:
            headers["WWW-Authenticate"] += ', error="invalid_token"'
            headers["x-ms-diagnostics"] = '2000003;reason="The token is not valid.";error_category="invalid_token"'
        return web.Response(status=401, headers=headers)
