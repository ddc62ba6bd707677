"""Encrypted secrets on disk, replaced atomically."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

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
        "If systemd keeps the key, start calendar-engine: only the service is given it. Otherwise restore the key file "
        "or a backup of calendar-engine. If the key is lost, remove secrets.enc from the state directory and set the "
        "secrets again with calendar-engine secret set."
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


class SecretsKeyNotShared(Failure):
    """An engine of the cluster does not have the key that would encrypt the secrets. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Not all engines have the key that would encrypt the secrets"
    remedy = (
        "Copy secrets.key from the state directory of this engine, or the key that systemd passes to it, to the "
        "others; restart those, and repeat the change."
    )


class SecretsKeyNotNew(Failure):
    """The secrets that engines share are encrypted with the first key already. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "There is no new key to encrypt the shared secrets with"
    remedy = (
        "Make one (head -c 32 /dev/urandom | basenc --base64url), write it into secrets.key in the state directory of "
        "every engine of the cluster, as a line above the present one, restart them one after the other, and repeat "
        "this. The old line can be removed afterwards."
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


SecretsUpdate = Callable[[dict[str, StoredSecret]], Mapping[str, StoredSecret]]
"""Maps all stored secrets to the new ones."""


class SecretVault(Protocol):
    """Keeps secrets encrypted, with keys that are files of this machine. Its methods block, so they are called in a
    thread; each may raise a failure of this module, or one of the store."""

    def load(self) -> dict[str, StoredSecret]:
        """Return all stored secrets by name."""
        ...

    def change(self, work: SecretsUpdate) -> None:
        """Replace all stored secrets by what `work` makes of them, in one step."""
        ...

    def rotate_key(self) -> None:
        """Re-encrypt everything with another key."""
        ...


class SecretStore:
    """The file `secrets.enc` in the state directory: one Fernet token (AES-128-CBC and HMAC-SHA256) for all secrets.

    The key is the credential in `credentials` if there is one, else the file `secrets.key` beside it, which is created
    when the first secret is stored. Either may contain more keys, one per line: the first one encrypts, the others only
    decrypt what an interrupted key rotation left. Beside a credential the keys of the file decrypt as well: only the
    service is given the credential, while a command that stores secrets or restores a backup without it has the file.
    Every method may raise a failure of this module.
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
        """Replace all stored secrets by these; a key is made if there never was one."""
        self._check_directory()
        keys = self._keys()
        if keys is None:
            keys = (Fernet.generate_key(),)
            self._write_keys(keys)
        _replace(self._file, _sealed(content, keys[0]))

    def change(self, work: SecretsUpdate) -> None:
        """Replace all stored secrets by what `work` makes of them; a key is made if there never was one."""
        self.store(work(self.load()))

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys of this machine, the one that encrypts first; none if there never was one."""
        return self._keys() or ()

    def files_with(self, content: Mapping[str, StoredSecret]) -> dict[str, bytes]:
        """Return the files, by name, that would replace all stored secrets by these. Nothing stored is read: a key is
        among the files if there is none that can be used."""
        self._check_directory()
        files: dict[str, bytes] = {}
        try:
            keys = self._keys()
        except SecretsKeyUnusable:
            keys = None
        if keys is None:
            keys = (Fernet.generate_key(),)
            files[self._key_file.name] = _key_lines(keys)
        return {**files, self._file.name: _sealed(content, keys[0])}

    def rotate_key(self) -> None:
        """Re-encrypt everything with a new key, or the first of those passed by systemd; the old one is removed.

        The two files match at every step, so that an interruption does no harm.
        """
        content = self.load()
        keys = self._keys() or ()
        if self._credential_keys() is not None:
            _replace(self._file, _sealed(content, keys[0]))
            _remove(self._key_file)
            return
        new = Fernet.generate_key()
        self._write_keys((new, *keys))
        _replace(self._file, _sealed(content, new))
        self._write_keys((new,))

    def move_to_credential(self) -> bool:
        """Re-encrypt with the credential what only the key file opens, and remove that; return whether it was so."""
        content, credential = _read(self._file), self._credential_keys()
        if content is None or credential is None or _key_name(content) in map(name_of, credential):
            return False
        self.rotate_key()
        return True

    def _keys(self) -> tuple[bytes, ...] | None:
        """Return the keys, the current one first, None if there never was one."""
        credential = self._credential_keys()
        if credential is not None:
            try:
                return (*credential, *(_keys_in(self._key_file) or ()))
            except SecretsKeyUnusable:  # the credential may be enough
                return credential
        keys = _keys_in(self._key_file)
        if keys is None and self._file.exists():
            raise SecretsKeyUnusable(f"{self._key_file} does not exist")
        return keys

    def _credential_keys(self) -> tuple[bytes, ...] | None:
        return _keys_in(self._credential) if self._credential is not None else None

    def _write_keys(self, keys: tuple[bytes, ...]) -> None:
        _replace(self._key_file, _key_lines(keys))

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
    return f"{_HEADING} {name_of(key)}\n".encode() + token + b"\n"


def _opened(content: bytes, keys: tuple[bytes, ...], file: Path) -> dict[str, StoredSecret]:
    heading, _, token = content.partition(b"\n")
    if not heading.startswith(_HEADING.encode() + b" "):
        raise StoredSecretsDamaged(str(file))
    fitting = [key for key in keys if name_of(key) == _key_name(content)]
    if not fitting:
        raise SecretsKeyWrong(f"{file} needs the key {_key_name(content)}")
    try:
        plain = Fernet(fitting[0]).decrypt(token.strip())
        entries = msgspec.json.decode(plain, type=dict[str, tuple[str, datetime]])
    except (InvalidToken, msgspec.MsgspecError):
        raise StoredSecretsDamaged(str(file)) from None
    return {name: StoredSecret(Secret(value), since) for name, (value, since) in entries.items()}


def _keys_in(path: Path) -> tuple[bytes, ...] | None:
    """Return the keys in a file, None if there is none."""
    content = _read(path)
    if content is None:
        return None
    keys = tuple(line.strip() for line in content.splitlines() if line.strip())
    try:
        MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        keys = ()
    if not keys:
        raise SecretsKeyUnusable(f"{path} contains no key")
    return keys


def _key_lines(keys: tuple[bytes, ...]) -> bytes:
    return b"".join(key + b"\n" for key in keys)


def _key_name(content: bytes) -> str:
    """Return the identifier of the key that stored secrets were encrypted with."""
    return content.partition(b"\n")[0].decode(errors="replace").rpartition(" ")[2]


def name_of(key: bytes) -> str:
    """Return an identifier of a key that reveals nothing about it."""
    return hashlib.sha256(b"name of " + key).hexdigest()[:12]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoredSecretsUnusable(f"{path}: {error.strerror}") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoredSecretsUnusable(f"{path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise StoredSecretsUnusable(f"{path}: {error.strerror}") from error
