"""The application that asks for tokens: MSAL's, with a client secret or a certificate. All of it blocks."""

import logging
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msal
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from engine.core.secret import Secret
from engine.exchange.http.trace import Trace
from engine.exchange.oauth.authority_http import AuthorityHttp
from engine.exchange.oauth.errors import failure_of
from engine.exchange.oauth.failures import AuthorityUnreachable, ClientCertificateUnusable
from engine.logins.rules import Account
from engine.tls.certificate import UNREADABLE


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The PEM files of a certificate that the app registration knows, and of its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An app registration: `authority` is the https URL of the log-in service, without the tenant."""

    authority: str
    tenant_id: str
    client_id: str
    proof: Secret | ClientCertificate = field(repr=False)

    @property
    def account(self) -> Account:
        """What the authority counts log-ins of."""
        return Account("exchange.client_secret", f"{self.client_id} in {self.tenant_id}".casefold())

    def identity(self) -> str:
        """Return what another log-in would be made with; reads the file of a certificate."""
        if isinstance(self.proof, Secret):
            return self.proof.reveal()
        try:
            return self.proof.certificate.read_text("latin-1")
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and for how many seconds it is good."""

    value: Secret
    seconds: float


class Application:
    """Gets tokens for one `scope`. MSAL talks to the authority when it is made already, so that is put off.

    The tenant is told by the settings, so nobody is asked where it is (instance discovery): a national cloud, or a
    network without the internet, has no login.microsoftonline.com to ask.
    """

    def __init__(
        self,
        registration: Registration,
        scope: str,
        *,
        tls: ssl.SSLContext,
        user_agent: str,
        trace: Trace | None = None,
    ) -> None:
        # It logs answers that are not JSON as they are.
        logging.getLogger("msal").setLevel(logging.CRITICAL)
        self._registration = registration
        self._scope = scope
        self._http = AuthorityHttp(tls, user_agent, trace)
        self._client: msal.ConfidentialClientApplication | None = None
        self._one_at_a_time = threading.Lock()

    def token(self, *, other_than_before: bool) -> Token:
        """Return a token, the one MSAL has kept or a new one, in any case a new one if `other_than_before`.

        Raises the failures of this room, or `CertificateNotTrusted`.
        """
        with self._one_at_a_time:
            if self._client is None:
                self._client = self._make_client()
            elif other_than_before:
                self._client.remove_tokens_for_client()
            try:
                answer = self._client.acquire_token_for_client([self._scope])
            except ValueError as error:
                raise AuthorityUnreachable("its answer makes no sense") from error
            if "access_token" not in answer:
                by_certificate = isinstance(self._registration.proof, ClientCertificate)
                raise failure_of(answer, by_certificate=by_certificate, skew=self._http.skew)
            return Token(Secret(answer["access_token"]), float(answer.get("expires_in", 0)))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _make_client(self) -> msal.ConfidentialClientApplication:
        registration = self._registration
        credential = _credential(registration.proof)
        try:
            return msal.ConfidentialClientApplication(
                registration.client_id,
                client_credential=credential,
                authority=f"{registration.authority.rstrip('/')}/{registration.tenant_id}",
                instance_discovery=False,
                http_client=self._http,
            )
        except (ValueError, KeyError) as error:
            raise AuthorityUnreachable(f"{registration.authority} is no authority") from error


def _credential(proof: Secret | ClientCertificate) -> str | dict[str, str]:
    if isinstance(proof, Secret):
        return proof.reveal()
    try:
        certificate_pem, key_pem = proof.certificate.read_bytes(), proof.key.read_bytes()
    except OSError as error:
        raise ClientCertificateUnusable(f"{error.filename}: {error.strerror}") from error
    try:
        public = x509.load_pem_x509_certificate(certificate_pem).public_key()
    except UNREADABLE:
        raise ClientCertificateUnusable(f"{proof.certificate} holds no certificate in PEM") from None
    try:
        private = load_pem_private_key(key_pem, password=None)
    except (*UNREADABLE, TypeError):
        raise ClientCertificateUnusable(f"{proof.key} holds no private key in PEM without a pass phrase") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ClientCertificateUnusable(f"{proof.key} is no RSA key, and Entra takes assertions signed with no other")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ClientCertificateUnusable(f"{proof.key} is not the key of {proof.certificate}")
    # What stands around the PEM, as tools write it, may be in any charset.
    return {
        "private_key": key_pem.decode("ascii", "replace"),
        "public_certificate": certificate_pem.decode("ascii", "replace"),
    }
