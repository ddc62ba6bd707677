"""App registrations, and whether a request for a token is one's own: judged as Entra does, without a socket."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = timedelta(hours=1)
SKEW = timedelta(minutes=5)


class Refusal(Exception):
    """What Entra has against a request (RFC 6749, section 5.2), with its own code and the HTTP status."""

    def __init__(self, error: str, code: int, text: str, status: int = 400) -> None:
        super().__init__(f"AADSTS{code}: {text}")
        self.error = error
        self.code = code
        self.status = status


@dataclass(slots=True)
class AppRegistration:
    """One application: its client secrets with their ends, its certificates, and the resources it may use."""

    client_id: str
    resources: tuple[str, ...]
    client_secrets: dict[str, datetime] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)

    def prove(self, form: Mapping[str, str], token_endpoint: str, now: datetime) -> None:
        """Check the proof in a token request. Raises `Refusal`."""
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
        """Judge a signed assertion (RFC 7523; Microsoft, "Certificate credentials")."""
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
                # The times are judged by our own clock, below.
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
        """Find the key of the certificate that the header names by its SHA-256 thumbprint."""
        for certificate in self.certificates:
            thumbprint = jwt.utils.base64url_encode(certificate.fingerprint(hashes.SHA256())).decode()
            key = certificate.public_key()
            if thumbprint == header.get("x5t#S256", "").rstrip("=") and isinstance(key, RSAPublicKey):
                return key
        raise _refused(700027, "The certificate with this thumbprint is not registered.")


def _refused(code: int, text: str) -> Refusal:
    return Refusal("invalid_client", code, text, 401)
