"""Checks answers of Microsoft Entra before MSAL reads them, which takes their types for granted."""

from typing import Annotated

import msgspec

from engine.core import bounded

Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,9}\Z")]
"""A lifetime; version 1 of the log-in service writes numbers as strings."""


class TenantDescription(msgspec.Struct):
    """What MSAL uses of the metadata of a tenant (OpenID Connect Discovery 1.0, section 3)."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str = ""


class TokenAnswer(msgspec.Struct):
    """What MSAL uses of a token response (RFC 6749, section 5.1), or of an error response (section 5.2)."""

    access_token: str = ""
    token_type: str = ""
    scope: str = ""
    expires_in: Seconds = 0
    ext_expires_in: Seconds = 0
    refresh_in: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0
    error: str = ""
    error_description: str = ""


def check_tenant(content: bytes) -> None:
    """Raise `NotReadable` for a description of a tenant that MSAL cannot use, or that names a place without TLS."""
    description = bounded.json(content, TenantDescription)
    if not description.token_endpoint.lower().startswith("https://"):
        raise bounded.NotReadable("the token endpoint has no https URL")


def check_token(content: bytes) -> None:
    """Raise `NotReadable` for a token response or an error response that MSAL cannot use."""
    bounded.json(content, TokenAnswer)
