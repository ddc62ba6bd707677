"""Passwords for App objects, made by the front end: the engine never returns a secret."""

import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that look alike."""


def app_password() -> str:
    """Return a new password of 14 characters, such as k7Rm-2tVq-9bHx: a PBX keeps at most 15."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
