"""Backups: all that another machine needs to go on, encrypted and authenticated under a passphrase.

    calendar-engine backup 1 LF | cost (1 byte) | salt (16) | nonce (12) | check (16) | AES-256-GCM of MessagePack

Key and check are made of the passphrase by scrypt (RFC 7914); everything before the check is authenticated as well.
"""

import hmac
import secrets
import sqlite3
import unicodedata
from contextlib import closing
from datetime import datetime
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from engine.core.secret import Secret
from engine.store.database import errors_named, prepare
from engine.store.errors import BackupChanged, BackupPassphraseWrong, BackupUnusable, StoreDamaged
from engine.store.presence import doubt_all
from engine.store.secret_store import StoredSecret

STATE_FILES = frozenset(
    {"setup.json", "pbx-listen.pem", "pbx-addresses", "pbx-authority.pem", "exchange-authority.pem"}
)
"""Files of the state directory that a backup holds beside database and secrets.

The debug log is not worth its size, and a presence test that was not over has long been put back."""

LARGEST_BACKUP = 256 * 1024 * 1024
"""Bytes; that of 10,000 users with a full history has 20 MB."""

COST, HIGHEST_COST = 17, 20
"""Binary logarithms of scrypt's N, with r = 8 and p = 1: 128 MiB for each guess, and at most 1 GiB (OWASP, Password
Storage)."""

_KIND, _HEADING = b"calendar-engine backup ", b"calendar-engine backup 1\n"
_SALT, _NONCE, _CHECK, _KEY = 16, 12, 16, 32
_OPEN = len(_HEADING) + 1 + _SALT + _NONCE


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, made by that `version` of the engine.

    `settings` are the text of the settings file, None if there was none; `store` is the database; `files` are
    `STATE_FILES` by name.
    """

    made: datetime
    version: str
    settings: str | None
    store: bytes
    secrets: dict[str, StoredSecret]
    files: dict[str, bytes]


def sealed(backup: Backup, passphrase: Secret, *, cost: int = COST) -> bytes:
    """Return the content of the file. Takes most of a second, and much memory."""
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    start = _HEADING + bytes([cost]) + salt + nonce
    key, check = _derived(passphrase, salt, cost)
    return start + check + AESGCM(key).encrypt(nonce, msgspec.msgpack.encode(backup, enc_hook=_plain), start)


def opened(content: bytes, passphrase: Secret) -> Backup:
    """Return what a file holds. Raises `BackupUnusable`, `BackupPassphraseWrong` or `BackupChanged`."""
    check_kind(content)
    start, check, encrypted = content[:_OPEN], content[_OPEN : _OPEN + _CHECK], content[_OPEN + _CHECK :]
    cost, salt, nonce = start[len(_HEADING)], start[-_NONCE - _SALT : -_NONCE], start[-_NONCE:]
    key, expected = _derived(passphrase, salt, cost)
    if not hmac.compare_digest(check, expected):
        raise BackupPassphraseWrong
    try:
        backup = msgspec.msgpack.decode(AESGCM(key).decrypt(nonce, encrypted, start), type=Backup, dec_hook=_secret)
    except InvalidTag:
        raise BackupChanged from None
    except msgspec.MsgspecError:
        raise BackupUnusable("its content is not that of a backup") from None
    if backup.files.keys() - STATE_FILES:
        raise BackupUnusable("it holds files that this version does not know")
    return backup


def store_to_restore(store: bytes) -> bytes:
    """Return a copy of a database with the schema of this version, in which all presences are in doubt: what the PBX
    shows may have changed since. Raises `BackupUnusable`."""
    readable = bytearray(store)
    readable[18:20] = b"\1\1"  # no write-ahead log, which a database in memory cannot have (sqlite.org, fileformat)
    try:
        with errors_named("its database"), closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(bytes(readable))
            prepare(connection)
            doubt_all(connection)
            return connection.serialize()
    except StoreDamaged as failure:
        raise BackupUnusable(failure.detail) from failure


def check_kind(content: bytes) -> None:
    """Raise `BackupUnusable` if this cannot be a backup that this version reads."""
    if not content.startswith(_KIND):
        raise BackupUnusable("it is no backup of calendar-engine")
    if not content.startswith(_HEADING):
        raise BackupUnusable("it was made by a newer version")
    if len(content) > LARGEST_BACKUP:
        raise BackupUnusable(f"it is longer than {LARGEST_BACKUP // 1024**2} MB")
    if len(content) <= _OPEN + _CHECK:
        raise BackupUnusable("it is cut off")
    if not 1 <= content[len(_HEADING)] <= HIGHEST_COST:
        raise BackupUnusable("its beginning was changed")


def _derived(passphrase: Secret, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    """Return the key, and what shows that the passphrase is right without telling anything about the key."""
    text = unicodedata.normalize("NFC", passphrase.reveal())  # keyboards differ in how they write the same letter
    derived = Scrypt(salt=salt, length=_KEY + _CHECK, n=2**cost, r=8, p=1).derive(text.encode())
    return derived[:_KEY], derived[_KEY:]


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _secret(kind: type, value: Any) -> Secret:
    return kind(value)  # type: ignore[no-any-return]
