"""The failures of OAuth, and their error codes (RFC 6749, section 5.2). No I/O."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from engine.core.errors import Fault, Scope
from engine.exchange.errors import ExchangeFailure


class AuthorityUnreachable(ExchangeFailure):
    """No usable answer of the authority: no connection, an error page, or a status that may pass.

    `sent` tells whether the secret was on its way by then.
    """

    sent = False

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The log-in service of Microsoft Entra does not answer"
    remedy = (
        "Check that this machine may reach it (https://login.microsoftonline.com, or exchange.authority), and that "
        "no proxy answers in its place."
    )


class AuthorityTlsImpossible(AuthorityUnreachable):
    """The TLS handshake ended without a certificate being refused: an alert, no version in common, or it hung up."""

    fault = Fault.SETTINGS
    meaning = "The log-in service of Microsoft Entra and this machine find no common ground for TLS"
    remedy = (
        "TLS 1.2 at least is spoken here: look what answers in its place (a proxy, or an appliance that looks into TLS "
        "and has older versions alone), and check exchange.authority."
    )


class TenantUnknown(ExchangeFailure):
    """The authority knows no such tenant (AADSTS90002, AADSTS900023)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra does not know the tenant"
    remedy = (
        "Compare exchange.tenant_id with the directory (tenant) ID in the Entra portal; in a national cloud, set "
        "exchange.authority as well."
    )


class ApplicationUnknown(ExchangeFailure):
    """The tenant knows no such application, or has disabled it (AADSTS700016, AADSTS7000112, unauthorized_client)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra does not know the application in this tenant"
    remedy = (
        "Compare exchange.client_id with the application (client) ID of the app registration, and check under "
        '"Enterprise applications" that it is there and enabled.'
    )


class ClientSecretRefused(ExchangeFailure):
    """The client secret is wrong (invalid_client, AADSTS7000215)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra refuses the client secret"
    remedy = (
        "Store the value of a client secret of the app registration (not its ID): calendar-engine secret set "
        "exchange.client_secret; a new one is tried at once. The present one is tried again by itself, later each "
        'time, or once more by "calendar-engine log-in retry".'
    )


class ClientSecretExpired(ExchangeFailure):
    """The client secret has come to its end (AADSTS7000222)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The client secret has expired"
    remedy = "Make a new client secret in the app registration and put it into the secrets file, or use a certificate."


class ClientCertificateRefused(ExchangeFailure):
    """The signature is not that of a certificate of the application (AADSTS700027)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra refuses the certificate of the application"
    remedy = "Upload exchange.certificate to the app registration, and check that it has not expired."


class ClientCertificateUnusable(ExchangeFailure):
    """The files of certificate and key cannot be read, are no PEM, do not belong together, or have expired."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the application cannot be used"
    remedy = (
        "exchange.certificate and exchange.certificate_key are PEM files that belong together, the key without a "
        "pass phrase and readable for the account that calendar-engine runs as."
    )


class ClockWrong(ExchangeFailure):
    """The signed assertion is not valid at the time that the authority has (AADSTS700024)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The clock of this machine differs too much from that of Microsoft Entra"
    remedy = "Set the clock right, best by NTP (timedatectl set-ntp true)."


class TokenDenied(ExchangeFailure):
    """The authority gives no token for another reason; its code can be looked up."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Microsoft Entra gives no token to the application"
    remedy = "Look the code up at https://login.microsoftonline.com/error and in the sign-in logs of the tenant."


class TokenRefused(ExchangeFailure):
    """Exchange refuses a token that was fetched only just (HTTP 401)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange Online refuses the token of the application"
    remedy = (
        "Give the application the permission full_access_as_app (Office 365 Exchange Online) with admin consent, or "
        "the role Application EWS.AccessAsApp, and check that exchange.ews_url and exchange.authority belong to the "
        "same cloud. It is tried again in 15 minutes."
    )


# https://learn.microsoft.com/entra/identity-platform/reference-error-codes; codes come and go, so the errors of
# OAuth2 below decide where one is not known.
_CODES: Mapping[int, type[ExchangeFailure]] = MappingProxyType(
    {
        90002: TenantUnknown,
        900023: TenantUnknown,
        700016: ApplicationUnknown,
        7000112: ApplicationUnknown,
        7000229: ApplicationUnknown,
        7000215: ClientSecretRefused,
        7000222: ClientSecretExpired,
        700024: ClockWrong,
        700027: ClientCertificateRefused,
    }
)
_ERRORS: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {
        "unauthorized_client": ApplicationUnknown,
        "temporarily_unavailable": AuthorityUnreachable,
        "server_error": AuthorityUnreachable,
    }
)
_AADSTS = re.compile(r"AADSTS(\d{4,8})")
_WORD = re.compile(r"[\w.-]{1,60}")


def kind_of(codes: Iterable[int], error: str, *, by_certificate: bool) -> type[ExchangeFailure]:
    """Return the failure that the codes of an error mean, or else the error of OAuth2 itself."""
    kind = next((_CODES[code] for code in codes if code in _CODES), None) or _ERRORS.get(error)
    if kind is None and error == "invalid_client":
        kind = ClientCertificateRefused if by_certificate else ClientSecretRefused
    return kind or TokenDenied


def failure_of(answer: Mapping[str, Any], *, by_certificate: bool, skew: timedelta | None) -> ExchangeFailure:
    """Return the failure for an error; `skew` is how far ahead our clock is of the authority's, where it is known.

    Of the answer only the error, its codes and the correlation id are quoted: the description may hold anything.
    """
    error = str(answer.get("error", ""))
    codes = [int(code) for code in _AADSTS.findall(str(answer.get("error_description", "")))]
    kind = kind_of(codes, error, by_certificate=by_certificate)
    told = [word for word in (error, str(answer.get("correlation_id", ""))) if _WORD.fullmatch(word)]
    detail = ", ".join([*(f"AADSTS{code}" for code in codes[:1]), *told])
    if kind is ClockWrong and skew is not None:
        ahead = "ahead" if skew > timedelta() else "behind"
        detail = f"it is {abs(skew.total_seconds()):.0f} s {ahead} ({detail})"
    return kind(detail)
