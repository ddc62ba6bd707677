"""The MSAL client application with a secret or a certificate, and its HTTP client. Blocking."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msal
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from engine.core.bounded import NotReadable
from engine.core.http_record import HttpRecord
from engine.core.secret import Secret
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure
from engine.exchange.http.connection import explained, inspected, not_trusted, shown_certificate
from engine.exchange.http.messages import CLOSED_IN_HANDSHAKE, causes
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.proxy_errors import (
    ProxyLogInRefused,
    ProxyRefuses,
    ProxyTlsImpossible,
    ProxyUnreachable,
)
from engine.exchange.http.trace import NoTrace, Stopwatch, Trace
from engine.exchange.http.unpacking import Undecodable, Unpacking
from engine.exchange.http.wire import Network, ProxyCertificateUnverified
from engine.exchange.oauth.answers import check_tenant, check_token
from engine.exchange.oauth.errors import (
    AuthorityTlsImpossible,
    AuthorityUnreachable,
    ClientCertificateRefused,
    ClientCertificateUnusable,
    ClientSecretRefused,
    TenantUnknown,
    failure_of,
)
from engine.logins.rules import Account
from engine.tls.certificate import UNREADABLE

logger = logging.getLogger(__name__)

SECONDS = 30.0
JUDGED_BY_MSAL = (200, 400, 401)
"""Statuses whose body is a token, or an error as in RFC 6749, section 5.2."""

NOT_UNDERSTOOD = "its answer cannot be understood"
MAX_BODY = 1024 * 1024

PHASES = {
    "connection.connect_tcp.complete": "connect",
    "connection.start_tls.complete": "tls",
    "proxy.start_tls.complete": "tls",
    "http11.send_request_body.complete": "send",
    "http11.receive_response_headers.complete": "wait",
}
"""The phase that each event of the HTTP library ends (https://www.encode.io/httpcore/extensions/#trace)."""
AT_PROXY = "connection.connect_tcp.complete"
TLS_AT_PROXY = "connection.start_tls.complete"
BEHIND_PROXY = "proxy.start_tls.started"
"""The events after which a failure is not that of reaching the proxy, not that of TLS with it, and not the proxy's."""


class _Course:
    """How far a request has come; `watch` measures it if it is traced."""

    def __init__(self, watch: Stopwatch | None) -> None:
        self.watch = watch
        self.seen: set[str] = set()

    def __call__(self, event: str, _: object) -> None:
        """Note an event of the HTTP library. Its details may hold secrets and are ignored."""
        self.seen.add(event)
        if self.watch is None:
            return
        if event == BEHIND_PROXY:
            self.watch.merge("connect")
        elif event in PHASES:
            self.watch.lap(PHASES[event])


class AuthorityHttp:
    """HTTP client for MSAL with the methods it needs: `get`, `post`, `close`; for a thread, one caller at a time.

    Answers for which MSAL would raise a ValueError or a bare HTTP error are turned into named failures here. The
    authority is reached over `transport`, by default that of httpx over `network`.
    """

    def __init__(
        self,
        network: Network,
        user_agent: str,
        trace: Trace | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._trace = trace or NoTrace()
        self._network = network
        self._client = httpx.Client(
            transport=transport or _transport_over(network),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
            timeout=SECONDS,
            trust_env=False,
        )
        self.skew: timedelta | None = None
        """How far ahead our clock is of the authority's, by its last answer."""

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Get the description of a tenant (OpenID Connect Discovery 1.0, section 4).

        Raises `TenantUnknown`, `AuthorityUnreachable` or `CertificateNotTrusted`.
        """
        response = self._send("GET", url, params, None, headers)
        if response.status_code in (400, 404):
            raise TenantUnknown(f"{response.url.host}, HTTP {response.status_code}")
        if response.status_code != 200:
            raise AuthorityUnreachable(f"{response.url.host}, HTTP {response.status_code}")
        if not _can_be_used(response, check_tenant):
            raise AuthorityUnreachable(f"{response.url.host}: {NOT_UNDERSTOOD}")
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Request a token. Raises `AuthorityUnreachable` or `CertificateNotTrusted`."""
        # A signed assertion comes as bytes, which this library would write as a Python literal.
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        try:
            response = self._send("POST", url, params, form, headers)
        except AuthorityUnreachable as failure:
            failure.sent = not isinstance(failure.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
            raise
        is_judged = response.status_code in JUDGED_BY_MSAL
        if not is_judged or not _can_be_used(response, check_token):
            pause = response.headers.get("retry-after", "")
            useless = AuthorityUnreachable(
                f"{response.url.host}{f': {NOT_UNDERSTOOD}' if is_judged else f', HTTP {response.status_code}'}",
                retry_after=min(float(pause), 3600.0) if pause.isascii() and pause.isdigit() else None,
            )
            useless.sent = True
            raise useless
        return response

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Response:
        course = _Course(Stopwatch() if self._trace.on else None)
        try:
            request = self._client.build_request(
                method, url, params=params, data=data, headers=headers, extensions={"trace": course}
            )
        except httpx.InvalidURL as error:
            raise AuthorityUnreachable(f"the tenant's description names an invalid address: {error}") from None
        try:
            response = _whole(self._client.send(request, stream=True))
        except (httpx.TransportError, Undecodable) as error:
            failure = self._failure_of(error, request, course)
            self._tell(course, request, None, failure.slug)
            raise failure from error
        self._tell(course, request, response, "")
        if response.status_code >= 500 or response.is_redirect:
            raise AuthorityUnreachable(f"{response.url.host}, HTTP {response.status_code}")
        self._compare_clocks(response.headers.get("date", ""))
        return response

    def _tell(self, course: _Course, request: httpx.Request, response: httpx.Response | None, failure: str) -> None:
        if course.watch is not None:
            self._trace.take(_ended(course.watch, request, response, failure))

    def _failure_of(
        self, error: httpx.TransportError | Undecodable, request: httpx.Request, course: _Course
    ) -> ExchangeFailure:
        place, proxy = request.url.host, self._network.proxy
        if proxy is not None and BEHIND_PROXY not in course.seen:
            return self._failure_at(proxy, error, place, course)
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return self._not_trusted(cause, request.url)
            if isinstance(error, httpx.ConnectError) and isinstance(cause, ssl.SSLError):
                return AuthorityTlsImpossible(f"{place}: {cause}")
            if isinstance(error, httpx.ConnectError) and isinstance(cause, ConnectionResetError):
                return AuthorityTlsImpossible(f"{place}: {CLOSED_IN_HANDSHAKE}")
        return AuthorityUnreachable(f"{place}: {str(error) or type(error).__name__}")

    def _failure_at(
        self, proxy: Proxy, error: httpx.TransportError | Undecodable, place: str, course: _Course
    ) -> ExchangeFailure:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.ProxyError):  # its status, as in "407 Proxy Authentication Required"
            kind = ProxyLogInRefused if reason.startswith("407") else ProxyRefuses
            return kind(f"{proxy} answers HTTP {reason[:100]} to CONNECT {place}")
        if AT_PROXY not in course.seen:
            return ProxyUnreachable(f"{proxy}: {reason}")
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                untrusted = ProxyCertificateUnverified(proxy, cause)
                return asyncio.run(explained(self._network, untrusted))  # this thread has no loop of its own
        if proxy.tls and TLS_AT_PROXY not in course.seen:
            return ProxyTlsImpossible(f"{proxy}: {reason}")
        return ProxyRefuses(f"{proxy} opens no connection to {place}: {reason}")

    def _not_trusted(self, error: ssl.SSLCertVerificationError, url: httpx.URL) -> CertificateNotTrusted:
        """Return the failure that explains what is wrong with a certificate."""
        shown = asyncio.run(shown_certificate(self._network, url))  # this thread has no loop of its own
        found = not_trusted("Microsoft Entra", url.host, url.host, error, shown, "exchange.authority")
        return found if self._network.proxy is None else inspected(self._network.proxy, found)

    def _compare_clocks(self, date: str) -> None:
        # Certificates and assertions are judged by the machine's own time, so no injected clock is used here.
        try:
            self.skew = datetime.now(UTC) - parsedate_to_datetime(date)
        except (ValueError, TypeError):
            self.skew = None


def _can_be_used(response: httpx.Response, check: Callable[[bytes], None]) -> bool:
    try:
        check(response.content)
    except NotReadable:
        return False
    return True


def _transport_over(network: Network) -> httpx.BaseTransport:
    tls, proxy = network.tls, network.proxy
    if proxy is None:
        return httpx.HTTPTransport(verify=tls, trust_env=False)
    auth = (proxy.user, proxy.password.reveal()) if proxy.user else None
    way = httpx.Proxy(proxy.url, ssl_context=tls if proxy.tls else None, auth=auth)
    return httpx.HTTPTransport(verify=tls, trust_env=False, proxy=way)


def _whole(response: httpx.Response) -> httpx.Response:
    """Return an answer with its whole body, unpacked in bounds. Raises `Undecodable` and what reading it raises."""
    body = bytearray()
    try:
        packing = Unpacking(response.headers.get("content-encoding", ""))
        for packed in response.iter_raw():
            for piece in packing.unpacked(packed):
                body += piece
                if len(body) > MAX_BODY:
                    raise Undecodable(f"an answer of more than {MAX_BODY} bytes")
        packing.finish()
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_PACKING]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)


_OF_THE_PACKING = (b"content-encoding", b"content-length", b"transfer-encoding")


def _ended(watch: Stopwatch, request: httpx.Request, response: httpx.Response | None, failure: str) -> HttpRecord:
    """Return a record of the request as sent; the receiver has to redact the secret or assertion in it."""
    return HttpRecord(
        request_id=request.headers.get("client-request-id", ""),
        method=request.method,
        url=str(request.url),
        request_headers=request.headers,
        request=request.content,
        lane="",
        attempt=1,
        status=response.status_code if response is not None else None,
        response_headers=response.headers if response is not None else {},
        response=response.content if response is not None else b"",
        failure=failure,
        seconds=watch.stop(),
        phases=watch.phases,
    )


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The PEM files of a certificate that the app registration knows, and of its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate and its private key in memory, both PEM."""

    pem: Secret


Proof = Secret | ClientCertificate | StoredCertificate
"""What an application proves itself with: a client secret, or the key of a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An app registration: `authority` is the https URL of the log-in service, without the tenant."""

    authority: str
    tenant_id: str
    client_id: str
    proof: Proof = field(repr=False)

    @property
    def account(self) -> Account:
        """The account whose log-ins the authority counts."""
        return Account("exchange.client_secret", f"{self.client_id} in {self.tenant_id}".casefold())

    def identity(self) -> str:
        """Return a text that identifies the present secret or certificate; reads the file of a certificate."""
        if isinstance(self.proof, Secret):
            return self.proof.reveal()
        if isinstance(self.proof, StoredCertificate):
            return self.proof.pem.reveal()
        try:
            return self.proof.certificate.read_text("latin-1")
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its lifetime in seconds."""

    value: Secret
    seconds: float


class Application:
    """Gets tokens for one `scope`. MSAL is created lazily, because its constructor already contacts the authority.

    The tenant comes from the settings, so there is no instance discovery: a national cloud, or a network without the
    internet, has no login.microsoftonline.com to ask. `on_certificate` is called with the end of the certificate
    whenever one is taken into use. Files that are replaced are used for the next token.
    """

    def __init__(
        self,
        registration: Registration,
        scope: str,
        *,
        network: Network,
        user_agent: str,
        trace: Trace | None = None,
        transport: httpx.BaseTransport | None = None,
        on_certificate: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        # It logs answers that are not JSON verbatim.
        logging.getLogger("msal").setLevel(logging.CRITICAL)
        self._registration = registration
        self._scope = scope
        self._http = AuthorityHttp(network, user_agent, trace, transport)
        self._on_certificate = on_certificate
        self._client: msal.ConfidentialClientApplication | None = None
        self._credential: str | Mapping[str, str] = ""
        self._one_at_a_time = threading.Lock()

    @property
    def refusal(self) -> type[ExchangeFailure]:
        """The failure that means that Entra refuses the secret, or the certificate."""
        return ClientSecretRefused if isinstance(self._registration.proof, Secret) else ClientCertificateRefused

    def token(self, *, other_than_before: bool) -> Token:
        """Return a token, the one MSAL has cached or a new one; always a new one if `other_than_before`.

        Raises the failures of OAuth, or `CertificateNotTrusted`.
        """
        with self._one_at_a_time:
            client = self._present_client()
            if other_than_before:
                client.remove_tokens_for_client()
            try:
                answer = client.acquire_token_for_client([self._scope])
            except ValueError as error:
                raise AuthorityUnreachable(NOT_UNDERSTOOD) from error
            if "access_token" not in answer:
                by_certificate = not isinstance(self._registration.proof, Secret)
                raise failure_of(answer, by_certificate=by_certificate, skew=self._http.skew)
            return Token(Secret(answer["access_token"]), float(answer.get("expires_in", 0)))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _present_client(self) -> msal.ConfidentialClientApplication:
        """Return the client with the present credential, the former one while files are being replaced."""
        try:
            credential = _credential(self._registration.proof)
        except ClientCertificateUnusable as failure:
            if self._client is None:
                raise
            logger.warning("%s. The former one stays in use. %s", failure, failure.remedy)
            return self._client
        if self._client is None or credential != self._credential:
            if not isinstance(credential, str):
                certificate = x509.load_pem_x509_certificate(credential["public_certificate"].encode())
                self._on_certificate(certificate.not_valid_after_utc)
            self._client, self._credential = self._make_client(credential), credential
        return self._client

    def _make_client(self, credential: str | Mapping[str, str]) -> msal.ConfidentialClientApplication:
        registration = self._registration
        try:
            return msal.ConfidentialClientApplication(
                registration.client_id,
                client_credential=credential,
                authority=f"{registration.authority.rstrip('/')}/{registration.tenant_id}",
                instance_discovery=False,
                http_client=self._http,
            )
        except (ValueError, KeyError) as error:
            raise AuthorityUnreachable(f"{registration.authority} is not a valid authority") from error


def _credential(proof: Proof) -> str | Mapping[str, str]:
    """Return the credential as MSAL takes it. Raises `ClientCertificateUnusable`."""
    if isinstance(proof, Secret):
        return proof.reveal()
    if isinstance(proof, StoredCertificate):
        key, begin, certificate = proof.pem.reveal().partition("-----BEGIN CERTIFICATE-----")
        return {"private_key": key, "public_certificate": begin + certificate}
    try:
        certificate_pem, key_pem = proof.certificate.read_bytes(), proof.key.read_bytes()
    except OSError as error:
        raise ClientCertificateUnusable(f"{error.filename}: {error.strerror}") from error
    try:
        public = x509.load_pem_x509_certificate(certificate_pem).public_key()
    except UNREADABLE:
        raise ClientCertificateUnusable(f"{proof.certificate} holds no PEM certificate") from None
    try:
        private = load_pem_private_key(key_pem, password=None)
    except (*UNREADABLE, TypeError):
        raise ClientCertificateUnusable(f"{proof.key} holds no PEM private key without a passphrase") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ClientCertificateUnusable(f"{proof.key} is not an RSA key, which Entra requires for assertions")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ClientCertificateUnusable(f"{proof.key} is not the key of {proof.certificate}")
    # Comments around the PEM, as some tools write them, may be in any charset.
    return {
        "private_key": key_pem.decode("ascii", "replace"),
        "public_certificate": certificate_pem.decode("ascii", "replace"),
    }
