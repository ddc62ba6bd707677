"""Fuzzing of files, certificates and token responses; no secret in them is revealed."""

import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.cli.setup import read_answers
from engine.core.secret import Secret
from engine.exchange.http.auth import offered
from engine.exchange.http.login_page import what_answers
from engine.exchange.http.wire import Network
from engine.exchange.oauth.msal_client import Application, ClientCertificate, Registration
from engine.pbx.certificate import GivenCertificate
from engine.simulator.certificates import CertificateAuthority
from engine.store.secrets import secrets_in_file
from engine.tls.certificate import described
from engine.tls.contexts import unverified_context

SECRET = "simulated-Passw0rd"
AUTHORITY = "https://login.example"
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = "4f2a7c1e-0000-4000-8000-000000000001"

SECRETS = (
    f'["exchange"]\npassword = "{SECRET}"\n[pbx]\npassword = \'{SECRET}\'\n'.encode(),
    f'exchange.password = """\n{SECRET}"""\n"pbx.password" = "{SECRET}" # {SECRET}\n'.encode(),
)
ANSWERS = (
    b'[setup]\nuser = "anna@corp.example"\n[pbx]\nmaster = "m"\nhost = "pbx.corp.example"\n[exchange]\n'
    b'type = "on-premises"\nuser = "CORP\\\\svc"\n[presence]\ntimezone = "Europe/Berlin"\n',
)
TOKENS = (
    b'{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ0eXAi.eyJhdWQi.c2ln"}',
    b'{"token_type":"Bearer","expires_in":"3599","refresh_in":1800,"access_token":"eyJ0eXAi.eyJhdWQi.c2ln"}',
    b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.",'
    b'"error_codes":[7000215],"timestamp":"2026-03-02 08:00:00Z","trace_id":"x","correlation_id":"y"}',
    b'{"error":"unauthorized_client","error_description":"AADSTS700016: x","error_codes":[700016],"suberror":"y"}',
)
TENANTS = (
    f'{{"token_endpoint":"{AUTHORITY}/{TENANT}/oauth2/v2.0/token","issuer":"{AUTHORITY}/{TENANT}/v2.0",'
    f'"authorization_endpoint":"{AUTHORITY}/{TENANT}/oauth2/v2.0/authorize"}}'.encode(),
)
OFFERS = (
    b'Basic realm="a, b", charset="utf-8", NTLM, Negotiate',
    b'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="00000001@*", error="invalid_token"',
    b"Negotiate TlRMTVNTUAACAAAA==, Digest qop=auth,nonce=abc",
)
PAGES = (
    b'<!DOCTYPE html><html><head><meta http-equiv="refresh" content="0; url=https://sts.corp.example/adfs/ls?x=1">'
    b"</head><body><form method=post action='/owa/auth.owa'><input name=password></form></body></html>",
    b"https://mail.corp.example/owa/auth/logon.aspx?url=https%3a%2f%2fmail",
)


def secrets_file(body: bytes) -> None:
    """Read it as the file with secrets."""
    with _written(body) as path:
        secrets_in_file(path)


def answers_file(body: bytes) -> None:
    """Read it as the file with the answers of a set-up."""
    with _written(body) as path:
        read_answers(path)


def certificate(body: bytes) -> None:
    """Read it as the certificate that a server shows."""
    if found := described(body):
        assert all(line.isprintable() for line in found.lines), found.lines


def given_certificate(body: bytes) -> None:
    """Read it as the administrator's own certificate, with its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _written(body) as path:
        GivenCertificate(path, None).load(context, datetime.now(UTC))


def challenge_list(body: bytes) -> None:
    """Read it as what a server offers for a log-in."""
    offered({"www-authenticate": body.decode("latin-1")})


def page(body: bytes) -> None:
    """Read it as what stands in place of EWS."""
    text = body.decode("latin-1")
    for status, headers in ((200, {"content-type": text[:60]}), (302, {"location": text}), (440, {"location": text})):
        what_answers(status, headers, body)


def token(body: bytes) -> None:
    """Read it as an answer of Entra to somebody who asks for a token."""
    _application(lambda request: TENANTS[0] if request.method == "GET" else body).token(other_than_before=False)


def tenant(body: bytes) -> None:
    """Read it as what Entra says about a tenant."""
    _application(lambda request: body if request.method == "GET" else TOKENS[0]).token(other_than_before=False)


def client_certificate(body: bytes) -> None:
    """Read it as the certificate, with its key, that the engine proves itself with to Entra."""
    with _written(body) as path:
        _application(lambda request: (TENANTS if request.method == "GET" else TOKENS)[0], path).token(
            other_than_before=False
        )


def certificates() -> tuple[bytes, ...]:
    """Return certificates as servers show them."""
    authority = CertificateAuthority()
    return (authority.issue("mail.corp.example", "127.0.0.1").der, authority.issue("x").der)


def key_files() -> tuple[bytes, ...]:
    """Return files with a certificate and its key, the last of which has no RSA key."""
    pem = _key_file(rsa.generate_private_key(65537, 2048))
    return (pem, b"subject=CN = M\xc3\xbcller\r\n" + pem, _key_file(ec.generate_private_key(ec.SECP256R1())))


def _key_file(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "engine.corp.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = builder.not_valid_before(BEGINS).not_valid_after(BEGINS + timedelta(days=3650)).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _application(answer: Callable[[httpx.Request], bytes], certificate: Path | None = None) -> Application:
    registration = Registration(
        authority=AUTHORITY,
        tenant_id=TENANT,
        client_id="c1e0",
        proof=ClientCertificate(certificate, certificate) if certificate else Secret(SECRET),
    )

    def respond(request: httpx.Request) -> httpx.Response:
        body = answer(request)
        return httpx.Response(400 if b'"error"' in body else 200, stream=httpx.ByteStream(body))

    scope, transport, network = (
        "https://outlook.office365.com/.default",
        httpx.MockTransport(respond),
        Network(unverified_context()),
    )
    return Application(registration, scope, network=network, transport=transport, user_agent="fuzz")


@contextmanager
def _written(body: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as file:
        file.write(body)
        file.flush()
        yield Path(file.name)
