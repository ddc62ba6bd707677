"""Certificates of authorities that somebody chose to trust in the set-up, saved for the settings that name a file."""

import os
import secrets
from pathlib import Path

from engine.core.errors import Failure, Fault, Scope


class AuthorityNotSaved(Failure):
    """The certificate of an authority cannot be saved."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the authority cannot be saved"
    remedy = "Give the engine's account write access to engine.state_dir, and free disk space if needed."


def save_authority(directory: Path, key: str, pem: str) -> str:
    """Save a certificate (PEM) for the setting `key` (pbx.ca_file), and return the path of its file.

    Raises `AuthorityNotSaved`.
    """
    path = directory / f"{key.partition('.')[0]}-authority.pem"
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w") as stream:
            stream.write(pem)
        new.replace(path)
    except OSError as error:
        raise AuthorityNotSaved(f"{path}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)
    return str(path)
