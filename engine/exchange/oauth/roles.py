"""The permissions that a token names, as a hint: nothing is decided by them."""

import base64
import binascii

import msgspec

from engine.core import bounded

_MOST = 200


class _Claims(msgspec.Struct, frozen=True):
    roles: tuple[str, ...] = ()


def roles_in(authorization: str) -> tuple[str, ...] | None:
    """Return the application permissions in the token of an Authorization header, None if it cannot be read.

    A token of an application that only has a role of RBAC for Applications names none. Microsoft promises nothing about
    the form of a token to anybody but the resource that it is for.
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    _, _, token = authorization.partition(" ")
    head, *parts = token.split(".")
    if not head or len(parts) < 2:
        return None
    padded = parts[0] + "=" * (-len(parts[0]) % 4)
    try:
        claims = bounded.json(base64.b64decode(padded, altchars=b"-_", validate=True), _Claims)
    except (binascii.Error, bounded.NotReadable, ValueError):
        return None
    return claims.roles[:_MOST]
