"""Encrypted secrets on disk, replaced atomically."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine.core.errors import Failure, Fault, Scope
from engine.core.secret import Secret
from engine.store.errors import StateDirectoryExposed
from engine.store.replacing import replace_file

CREDENTIAL = "calendar-engine.key"
"""Name of the key as a credential (systemd.exec(5), LoadCredential=), in $CREDENTIALS_DIRECTORY."""

_HEADING = "calendar-engine secrets 1"


class SecretsKeyUnusable(Failure):
    """The key is missing or not a key. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The key of the stored secrets cannot be used"
    remedy = (
        "Restore the key file, or the credential passed by systemd. If it is lost, remove secrets.enc from the "
        "state directory and set the secrets again with calendar-engine secret set."
    )


class SecretsKeyWrong(Failure):
    """The secrets were encrypted with another key. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The stored secrets were encrypted with another key"
    remedy = (
        "Restore that key, as a second line below the current one if both are needed. If it is lost, remove "
        "secrets.enc from the state directory and set the secrets again with calendar-engine secret set."
    )


class StoredSecretsDamaged(Failure):
    """The file differs from what was written. Nothing was changed."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The stored secrets are damaged"
    remedy = "Restore the file from a backup, or remove it and set the secrets again with calendar-engine secret set."


class StoredSecretsUnusable(Failure):
    """The file of the secrets or of the key cannot be read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The stored secrets cannot be read or written"
    remedy = (
        "Make the account calendar-engine runs as the owner of the state directory and the files in it, on a disk "
        "with free space."
    )


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret, and when it was set (UTC)."""

    value: Secret
    since: datetime


class SecretStore:
    """The file `secrets.enc` in the state directory: one Fernet token (AES-128-CBC and HMAC-SHA256) for all secrets.

    The key is the credential in `credentials` if there is one, else the file `secrets.key` beside it, which is created
    when the first secret is stored. Either may contain more keys, one per line: the first one encrypts, the others only
    decrypt what an interrupted key rotation left. Every method may raise a failure of this module.
    """

    def __init__(self, state_dir: Path, credentials: Path | None) -> None:
        self._directory = state_dir
        self._file = state_dir / "secrets.enc"
        self._key_file = state_dir / "secrets.key"
        self._credential = credentials / CREDENTIAL if credentials is not None else None

    def load(self) -> dict[str, StoredSecret]:
        """Return all stored secrets by name."""
        content = _read(self._file)
        if content is None:
            return {}
        self._check_directory()
        return _opened(content, self._keys() or (), self._file)

    def store(self, content: Mapping[str, StoredSecret]) -> None:
        """Replace all stored secrets by these."""
        _replace(self._file, self.sealed(content))

    def sealed(self, content: Mapping[str, StoredSecret]) -> bytes:
        """Return what the file would contain with these secrets; the key is made and stored if there is none."""
        self._check_directory()
        keys = self._keys()
        if keys is None:
            keys = (Fernet.generate_key(),)
            self._write_keys(keys)
        return _sealed(content, keys[0])

    def rotate_key(self) -> None:
        """Re-encrypt everything with a new key, or the first of those passed by systemd; the old one is removed.

        The two files match at every step, so that an interruption does no harm.
        """
        content = self.load()
        keys = self._keys() or ()
        if self._is_credential():
            _replace(self._file, _sealed(content, keys[0]))
            return
        new = Fernet.generate_key()
        self._write_keys((new, *keys))
        _replace(self._file, _sealed(content, new))
        self._write_keys((new,))

    def _is_credential(self) -> bool:
        return self._credential is not None and self._credential.exists()

    def _keys(self) -> tuple[bytes, ...] | None:
        """Return the keys, the current one first, None if there never was one."""
        path = self._credential if self._is_credential() and self._credential is not None else self._key_file
        content = _read(path)
        if content is None:
            if self._file.exists():
                raise SecretsKeyUnusable(f"{path} does not exist")
            return None
        keys = tuple(line.strip() for line in content.splitlines() if line.strip())
        try:
            MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            keys = ()
        if not keys:
            raise SecretsKeyUnusable(f"{path} contains no key")
        return keys

    def _write_keys(self, keys: tuple[bytes, ...]) -> None:
        _replace(self._key_file, b"".join(key + b"\n" for key in keys))

    def _check_directory(self) -> None:
        try:
            status = self._directory.stat()
        except OSError as error:
            raise StoredSecretsUnusable(f"{self._directory}: {error.strerror}") from error
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise StateDirectoryExposed(f"{self._directory} has mode {mode:04o} and belongs to user {status.st_uid}")


def _sealed(content: Mapping[str, StoredSecret], key: bytes) -> bytes:
    plain = {name: (each.value.reveal(), each.since) for name, each in content.items()}
    token = Fernet(key).encrypt(msgspec.json.encode(plain))
    return f"{_HEADING} {_name_of(key)}\n".encode() + token + b"\n"


def _opened(content: bytes, keys: tuple[bytes, ...], file: Path) -> dict[str, StoredSecret]:
    heading, _, token = content.partition(b"\n")
    start, _, key_name = heading.decode(errors="replace").rpartition(" ")
    if start != _HEADING:
        raise StoredSecretsDamaged(str(file))
    fitting = [key for key in keys if _name_of(key) == key_name]
    if not fitting:
        raise SecretsKeyWrong(f"{file} needs the key {key_name}")
    try:
        plain = Fernet(fitting[0]).decrypt(token.strip())
        entries = msgspec.json.decode(plain, type=dict[str, tuple[str, datetime]])
    except (InvalidToken, msgspec.MsgspecError):
        raise StoredSecretsDamaged(str(file)) from None
    return {name: StoredSecret(Secret(value), since) for name, (value, since) in entries.items()}


def _name_of(key: bytes) -> str:
    """Return an identifier of a key that reveals nothing about it."""
    return hashlib.sha256(b"name of " + key).hexdigest()[:12]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoredSecretsUnusable(f"{path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise StoredSecretsUnusable(f"{path}: {error.strerror}") from error
