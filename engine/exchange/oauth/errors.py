"""Named failures of OAuth, and the error codes that mean them (RFC 6749, section 5.2). No I/O."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from engine.core.errors import Fault, Scope
from engine.exchange.errors import ExchangeFailure


class AuthorityUnreachable(ExchangeFailure):
    """The authority gave no usable answer: no connection, an error page, or a possibly temporary status.

    `sent`: the secret had been sent by then.
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
    """The TLS handshake failed for another reason than the certificate: an alert, no common version, or a hang-up."""

    fault = Fault.SETTINGS
    meaning = "The log-in service of Microsoft Entra and this machine cannot agree on a TLS connection"
    remedy = (
        "At least TLS 1.2 is required: find out what answers in its place (a proxy, or an appliance that inspects TLS "
        "and supports older versions only), and check exchange.authority."
    )


class TenantUnknown(ExchangeFailure):
    """The authority knows no such tenant, or it is none for applications (AADSTS90002, AADSTS900023, AADSTS50194)."""

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
    meaning = "Entra refuses the client secret"
    remedy = (
        "Store the value of a client secret of the app registration (not its ID): calendar-engine secret set "
        "exchange.client_secret; a new one is tried at once. The present one is retried by itself, less often each "
        'time, or once more by "calendar-engine log-in retry".'
    )


class ClientSecretExpired(ExchangeFailure):
    """The client secret has expired (AADSTS7000222)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The client secret has expired"
    remedy = (
        "Use a certificate: calendar-engine cloud certificate makes one. Or create a client secret in the app "
        "registration and store it: calendar-engine secret set exchange.client_secret."
    )


class ClientCertificateRefused(ExchangeFailure):
    """The signature is not that of a certificate of the application (AADSTS700027)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra refuses the certificate of the application"
    remedy = (
        "Upload the certificate to the app registration, and check that it has not expired: the file that "
        "exchange.certificate names or, without it, what calendar-engine cloud certificate prints. Then "
        "calendar-engine log-in retry tries it at once."
    )


class ClientCertificateUnusable(ExchangeFailure):
    """Certificate or key cannot be read, are no PEM, do not belong together, or have expired."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the application cannot be used"
    remedy = (
        "Set exchange.certificate and exchange.certificate_key to PEM files that belong together, the key without a "
        "passphrase, both readable by the account that calendar-engine runs as."
    )


class ClockWrong(ExchangeFailure):
    """The signed assertion is not valid by the authority's clock (AADSTS700024)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The clock of this machine differs too much from that of Microsoft Entra"
    remedy = "Correct the clock, preferably with NTP (timedatectl set-ntp true)."


class ResourceUnknown(ExchangeFailure):
    """The tenant does not know the server that the token is for (AADSTS500011)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Microsoft Entra does not know the server that the token is for"
    remedy = (
        "Check that exchange.graph_url or exchange.ews_url belongs to the same cloud as exchange.authority, and that "
        "the tenant has Exchange Online."
    )


class ConsentMissing(ExchangeFailure):
    """Consent is missing in Entra (AADSTS65001, AADSTS90094, AADSTS650056)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Consent is missing in Entra"
    remedy = 'In the app registration, under API permissions, press "Grant admin consent".'


class ConditionalAccessBlocks(ExchangeFailure):
    """A Conditional Access policy or the security defaults keep the application out (AADSTS53003, AADSTS530032)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "A Conditional Access policy blocks the application"
    remedy = (
        "In the Entra portal, under Conditional Access, exclude the application (workload identities), or add the "
        "public address of this site to the named locations that the policy admits."
    )


class TokenDenied(ExchangeFailure):
    """The authority denies a token for another reason; its code can be looked up."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Microsoft Entra denies the application a token"
    remedy = "Look the code up at https://login.microsoftonline.com/error and in the sign-in logs of the tenant."


class TokenRefused(ExchangeFailure):
    """Exchange refuses a freshly issued token (HTTP 401)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange Online refuses the token of the application"
    remedy = (
        "Give the application the permission full_access_as_app (Office 365 Exchange Online) with admin consent, or "
        "the role Application EWS.AccessAsApp, and check that exchange.ews_url and exchange.authority belong to the "
        "same cloud. The next attempt is in 15 minutes."
    )


# https://learn.microsoft.com/entra/identity-platform/reference-error-codes; codes come and go, so the errors of
# OAuth2 below decide where one is not known.
_CODES: Mapping[int, type[ExchangeFailure]] = MappingProxyType(
    {
        **dict.fromkeys((90002, 900023, 90038, 50194, 9001023), TenantUnknown),
        **dict.fromkeys((70001, 700011, 700016, 7000112, 7000229), ApplicationUnknown),
        7000215: ClientSecretRefused,
        7000222: ClientSecretExpired,
        700024: ClockWrong,
        **dict.fromkeys((50012, 700027, 700030), ClientCertificateRefused),
        500011: ResourceUnknown,
        **dict.fromkeys((65001, 90094, 650056), ConsentMissing),
        **dict.fromkeys((53003, 530032, 530035, 50131), ConditionalAccessBlocks),
        # Asked too often, or temporary.
        **dict.fromkeys((50196, 90055, 90006, 90012, 90024, 90033, 90090), AuthorityUnreachable),
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
    """Return the failure for the AADSTS codes of an error, or else for its OAuth 2.0 error."""
    kind = next((_CODES[code] for code in codes if code in _CODES), None) or _ERRORS.get(error)
    if kind is None and error == "invalid_client":
        kind = ClientCertificateRefused if by_certificate else ClientSecretRefused
    return kind or TokenDenied


def failure_of(answer: Mapping[str, Any], *, by_certificate: bool, skew: timedelta | None) -> ExchangeFailure:
    """Return the failure for an error; `skew` is how far our clock is ahead of the authority's, if that is known.

    Only the error, its codes and the correlation ID are quoted from the answer: the description may hold anything.
    """
    error = str(answer.get("error", ""))
    codes = [int(code) for code in _AADSTS.findall(str(answer.get("error_description", "")))]
    kind = kind_of(codes, error, by_certificate=by_certificate)
    words = [word for word in (error, str(answer.get("correlation_id", ""))) if _WORD.fullmatch(word)]
    detail = ", ".join([*(f"AADSTS{code}" for code in codes[:1]), *words])
    if kind is ClockWrong and skew is not None:
        ahead = "ahead" if skew > timedelta() else "behind"
        detail = f"it is {abs(skew.total_seconds()):.0f} s {ahead} ({detail})"
    return kind(detail)
