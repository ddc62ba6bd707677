"""Simulated Entra ID on loopback: OpenID Connect discovery, app registrations, and the token endpoint."""

import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from types import TracebackType
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.faults import Cut, Faults, Reply
from engine.simulator.ledger import Ledger, Record
from engine.simulator.serving import wait

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = timedelta(hours=1)
SKEW = timedelta(minutes=5)


class Refusal(Exception):
    """The error that Entra answers a request with (RFC 6749, section 5.2), with its own code and the HTTP status."""

    def __init__(self, error: str, code: int, text: str, status: int = 400) -> None:
        super().__init__(f"AADSTS{code}: {text}")
        self.error = error
        self.code = code
        self.status = status


@dataclass(slots=True)
class AppRegistration:
    """One application: its client secrets and their expiry, its certificates, and the resources it may use.

    `roles` are the application permissions, by resource, that an administrator consented to. Consent takes effect with
    the next token.
    """

    client_id: str
    resources: tuple[str, ...]
    client_secrets: dict[str, datetime] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def prove(self, form: Mapping[str, str], token_endpoint: str, now: datetime) -> None:
        """Check the client's proof in a token request. Raises `Refusal`."""
        if "client_assertion" in form:
            self._check_assertion(form, token_endpoint, now)
        elif "client_secret" in form:
            self._check_secret(form["client_secret"], now)
        else:
            raise Refusal(
                "invalid_client", 7000218, "The request body must contain client_assertion or client_secret.", 401
            )

    def _check_secret(self, given: str, now: datetime) -> None:
        ends = next((end for known, end in self.client_secrets.items() if secrets.compare_digest(known, given)), None)
        if ends is None:
            raise _refused(7000215, "Invalid client secret provided.")
        if now >= ends:
            raise _refused(7000222, "The provided client secret keys are expired.")

    def _check_assertion(self, form: Mapping[str, str], token_endpoint: str, now: datetime) -> None:
        """Validate a signed assertion (RFC 7523; Microsoft, "Certificate credentials")."""
        assertion = form["client_assertion"]
        if form.get("client_assertion_type") != JWT_BEARER:
            raise Refusal("invalid_request", 900144, "client_assertion_type is not jwt-bearer.")
        try:
            claims = jwt.decode(
                assertion,
                self._public_key(jwt.get_unverified_header(assertion)),
                algorithms=["PS256", "RS256"],
                audience=token_endpoint,
                issuer=self.client_id,
                # The times are compared with our own clock below.
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["exp", "jti", "sub"],
                },
            )
        except jwt.PyJWTError as error:
            raise Refusal(
                "invalid_client", 700027, f"The assertion is not valid: {type(error).__name__}.", 401
            ) from error
        begin = datetime.fromtimestamp(claims.get("nbf", claims.get("iat", 0)), now.tzinfo)
        end = datetime.fromtimestamp(claims["exp"], now.tzinfo)
        if claims["sub"] != self.client_id or end - begin > LONGEST_ASSERTION:
            raise _refused(700027, "The claims of the assertion are not valid.")
        if not begin - SKEW <= now < end + SKEW:
            raise _refused(700024, "Client assertion is not within its valid time range.")

    def _public_key(self, header: Mapping[str, str]) -> RSAPublicKey:
        """Return the key of the certificate whose SHA-256 thumbprint is in the header."""
        for certificate in self.certificates:
            thumbprint = jwt.utils.base64url_encode(certificate.fingerprint(hashes.SHA256())).decode()
            key = certificate.public_key()
            if thumbprint == header.get("x5t#S256", "").rstrip("=") and isinstance(key, RSAPublicKey):
                return key
        raise _refused(700027, "The certificate with this thumbprint is not registered.")


def _refused(code: int, text: str) -> Refusal:
    return Refusal("invalid_client", code, text, 401)


TENANT = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
TOKEN_LIFE = timedelta(hours=1)
LOOPBACK = "127.0.0.1"


class EntraSimulator:
    """Context manager that serves one tenant; `applications`, by client id, may be changed at any time.

    It listens on localhost, with a certificate for `name`. `now` returns the time of its clock, by default real time.
    Its tokens are JWTs, whose claim `roles` is missing where nobody consented to a permission.
    Requests are in `ledger` as the operation "discovery" or "token"; faults can affect either.
    """

    def __init__(
        self,
        *applications: AppRegistration,
        authority: CertificateAuthority,
        name: str = "localhost",
        flaw: Flaw | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.applications = {application.client_id: application for application in applications}
        self.faults = Faults()
        self.ledger = Ledger()
        self.now = now
        self._tls = authority.issue(name, flaw=flaw).context
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._revoked_before = 0
        self._issued = count(1)
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{tenant}/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, 0, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The URL of the authority, without a tenant."""
        return f"https://localhost:{self._port}"

    def holder(self, token: str, resource: str) -> str | None:
        """Return the client id that this token for `resource` was issued to, None if it is invalid or expired."""
        claims = self.claims(token)
        if claims is None or claims["aud"] != resource or self.has_ended(claims) or self.is_revoked(claims):
            return None
        return str(claims["appid"])

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """Return the claims of a token that was issued here, whatever became of it; None for anything else."""
        try:
            return jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["ES256"],
                # Whether the token is of use is for its resource to say.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.PyJWTError:
            return None

    def has_ended(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the life of a token is over."""
        return self.now().timestamp() >= float(claims["exp"])

    def is_revoked(self, claims: Mapping[str, Any]) -> bool:
        """Return whether a token was revoked."""
        return int(claims["uti"]) < self._revoked_before

    def revoke_tokens(self) -> None:
        """Invalidate all tokens issued so far."""
        self._revoked_before = next(self._issued)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        operation = "discovery" if request.method == "GET" else "token"
        effects = self.faults.take(
            operation=operation, mailbox="", host=request.host, path=request.path, logged_in=True
        )
        response = await self._answer(operation, request)
        await wait(effects)
        for effect in effects:
            if isinstance(effect, Reply):
                response = web.Response(status=effect.status, body=effect.body, headers=effect.headers)
            elif isinstance(effect, Cut) and request.transport is not None:
                request.transport.close()
        response.headers["Date"] = format_datetime(self.now(), usegmt=True)
        self._enter(operation, request, response.status)
        return response

    def _enter(self, operation: str, request: web.Request, status: int) -> None:
        record = Record(
            at=self.now(),
            connection=0,
            method=request.method,
            scheme="https",
            host=request.host,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items() if name != "Authorization"},
            operation=operation,
            status=status,
        )
        self.ledger.add(record)

    async def _answer(self, operation: str, request: web.Request) -> web.Response:
        try:
            tenant, path = request.match_info["tenant"], request.match_info["path"]
            if tenant != TENANT:
                raise Refusal("invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
            if operation == "discovery" and path == "v2.0/.well-known/openid-configuration":
                return _json(200, self._configuration())
            if operation == "token" and path == "oauth2/v2.0/token":
                form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
                return _json(200, self._give_token(form))
            return _json(404, {"error": "not_found"})
        except Refusal as refusal:
            correlation = str(uuid.uuid4())
            told = {
                "error": refusal.error,
                "error_description": f"{refusal} Trace ID: {uuid.uuid4()} Correlation ID: {correlation}",
                "error_codes": [refusal.code],
                "correlation_id": correlation,
            }
            return _json(refusal.status, told)

    def _configuration(self) -> Mapping[str, object]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": self._token_endpoint,
        }

    @property
    def _token_endpoint(self) -> str:
        return f"{self.url}/{TENANT}/oauth2/v2.0/token"

    def _give_token(self, form: Mapping[str, str]) -> Mapping[str, object]:
        if form.get("grant_type") != "client_credentials":
            raise Refusal("unsupported_grant_type", 70003, "The grant type is not supported.")
        application = self.applications.get(form.get("client_id", ""))
        if application is None:
            raise Refusal("unauthorized_client", 700016, "The application was not found in the directory.")
        application.prove(form, self._token_endpoint, self.now())
        resource, default, rest = form.get("scope", "").partition("/.default")
        if not default or rest:
            raise Refusal("invalid_scope", 1002012, "The scope is not valid: it must end with /.default.")
        if resource not in application.resources:
            raise Refusal("invalid_resource", 500011, f"The resource principal named {resource} was not found.")
        by_certificate = "client_assertion" in form
        token = jwt.encode(self._claims_for(application, resource, by_certificate), self._key, algorithm="ES256")
        seconds = int(TOKEN_LIFE.total_seconds())
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}

    def _claims_for(self, application: AppRegistration, resource: str, by_certificate: bool) -> dict[str, Any]:
        """Return the claims of a token (Microsoft, "Access token claims reference", version 1.0)."""
        now, service_principal = self.now(), str(uuid.uuid5(uuid.NAMESPACE_OID, application.client_id))
        roles = application.roles.get(resource, ())
        return {
            "aud": resource,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "appid": application.client_id,
            "appidacr": "2" if by_certificate else "1",
            "idtyp": "app",
            "oid": service_principal,
            "sub": service_principal,
            "tid": TENANT,
            "uti": str(next(self._issued)),
            "ver": "1.0",
        } | ({"roles": list(roles)} if roles else {})


def _json(status: int, value: Mapping[str, object]) -> web.Response:
    return web.Response(status=status, body=json.dumps(value).encode(), content_type="application/json")
