"""The digest that proves the shared secret at a log-in without sending it."""

import hashlib

from engine.core.secret import Secret


def login_digest(
    password: Secret,
    challenge: str,
    *,
    app: str,
    domain: str = "",
    sip: str = "",
    guid: str = "",
    dn: str = "",
    info: str | None = None,
) -> str:
    """Return the lower-case hexadecimal SHA-256 that AppLogin carries (innovaphone SDK, AppWebsocket, AppLogin).

    `info` is the JSON text of the info object exactly as it stands in the message; None when the message has none,
    which is something else than an empty object. Empty fields keep their colon.
    """
    parts = [app, domain, sip, guid, dn, challenge, password.reveal()]
    if info is not None:
        parts.insert(5, info)
    return hashlib.sha256(":".join(parts).encode()).hexdigest()
