"""A password for the App object in the PBX, made where it is shown: it never comes out of the engine again."""

import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that cannot be taken for one another."""

PARTS, LENGTH = 3, 4


def app_password() -> str:
    """Return a new password: three groups of four letters, 14 characters (the PBX takes 15), about 69 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(PARTS))
