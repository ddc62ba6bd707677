"""The log-in as the PBX checks it: a fresh challenge a connection, and a digest that must be right to the letter."""

import hashlib
import hmac
import json
import secrets

from engine.core.secret import Secret


def new_challenge() -> str:
    """Return 16 random digits."""
    return f"{secrets.randbelow(10**16):016d}"


def proves_password(login: dict[str, object], app: str, password: Secret, challenge: str) -> bool:
    """Tell whether an AppLogin is for the App object `app` and carries the digest its password gives.

    The string that is hashed: innovaphone SDK, AppWebsocket, AppLogin. An info member counts as it was sent.
    """
    fields = [login.get(name, "") for name in ("app", "domain", "sip", "guid", "dn")]
    if "info" in login:
        fields.append(json.dumps(login["info"], ensure_ascii=False, separators=(",", ":")))
    hashed = ":".join(str(field) for field in (*fields, challenge, password.reveal()))
    expected = hashlib.sha256(hashed.encode()).hexdigest()
    return login.get("app") == app and hmac.compare_digest(str(login.get("digest", "")).encode(), expected.encode())
