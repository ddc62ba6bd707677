"""From the authority's error (RFC 6749, section 5.2) to a failure with a name. No I/O."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from engine.exchange.failures import ExchangeFailure
from engine.exchange.oauth.failures import (
    ApplicationUnknown,
    AuthorityUnreachable,
    ClientCertificateRefused,
    ClientSecretExpired,
    ClientSecretRefused,
    ClockWrong,
    TenantUnknown,
    TokenDenied,
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
