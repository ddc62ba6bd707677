"""Certificates of authorities that somebody chose to trust in the set-up, saved for the settings that name a file."""

from pathlib import Path

from engine.core.errors import Failure, Fault, Scope
from engine.store.replacing import replace_file


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
    try:
        replace_file(path, pem.encode())
    except OSError as error:
        raise AuthorityNotSaved(f"{path}: {error.strerror}") from error
    return str(path)
