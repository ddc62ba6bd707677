"""Secrets that several engines share, encrypted with keys that never leave their machines."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from engine.core.secret import Secret
from engine.store.postgres.database import Connection, SharedDatabase, tell
from engine.store.secret_store import (
    SecretsKeyNotNew,
    SecretsKeyNotShared,
    SecretsKeyUnusable,
    SecretsKeyWrong,
    SecretsUpdate,
    StoredSecret,
    StoredSecretsDamaged,
    name_of,
)

T = TypeVar("T")


class SharedSecrets:
    """The table `secret`; implements `SecretVault`: its methods are called in threads, and wait there for `loop`.

    `keys` returns those of this machine, the one that encrypts first. All engines that run must have that one. In every
    row the name is encrypted with the value, so that nobody who can write there can exchange secrets.
    """

    def __init__(
        self, database: SharedDatabase, keys: Callable[[], tuple[bytes, ...]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._database = database
        self._keys = keys
        self._loop = loop

    def load(self) -> dict[str, StoredSecret]:
        """Return all stored secrets by name."""
        keys = self._keys()
        return self._wait(self._database.run(lambda connection: load_secrets(connection, keys)))

    def change(self, work: SecretsUpdate) -> None:
        """Replace all stored secrets by what `work` makes of them, in one step; the other engines are told of it."""
        keys = self._keys()

        async def change(connection: Connection) -> None:
            await _lock(connection, keys)
            before = await load_secrets(connection, keys)
            after = work(dict(before))
            changed = {name: each for name, each in after.items() if not _is_same(each, before.get(name))}
            await replace_secrets(connection, keys[0], put=changed, drop=[name for name in before if name not in after])

        self._wait(self._database.run(change))

    def rotate_key(self) -> None:
        """Re-encrypt everything with the first key, which was made known to all engines before.

        Raises `SecretsKeyNotNew` if it is encrypted with that already.
        """
        keys = self._keys()

        async def rotate(connection: Connection) -> None:
            await _lock(connection, keys)
            found = await (await connection.execute(_KEYS)).fetchall()
            if found == [(name_of(keys[0]),)]:
                raise SecretsKeyNotNew(f"all are encrypted with {name_of(keys[0])}")
            await replace_secrets(connection, keys[0], put=await load_secrets(connection, keys), drop=())

        self._wait(self._database.run(rotate))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


_LOCK = "SELECT FROM cluster FOR NO KEY UPDATE"
_WITHOUT_KEY = "SELECT node FROM term WHERE ended IS NULL AND NOT %s = ANY(keys) ORDER BY node"
_LOAD = "SELECT name, sealed, key FROM secret ORDER BY name"
_KEYS = "SELECT DISTINCT key FROM secret"
_DROP = "DELETE FROM secret WHERE name = ANY(%s)"
_CHANGED = "UPDATE cluster SET secrets = secrets + 1"
_STORE = """
    INSERT INTO secret (name, sealed, key, since) VALUES (%s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, key = excluded.key, since = excluded.since
"""


async def _lock(connection: Connection, keys: tuple[bytes, ...]) -> None:
    """Keep other engines from changing secrets until the end. Raises if the first key is not one of all engines."""
    if not keys:
        raise SecretsKeyUnusable("this machine has none")
    await connection.execute(_LOCK)
    without = await (await connection.execute(_WITHOUT_KEY, (name_of(keys[0]),))).fetchall()
    if without:
        raise SecretsKeyNotShared(f"{', '.join(node for (node,) in without)} without the key {name_of(keys[0])}")


async def load_secrets(connection: Connection, keys: tuple[bytes, ...]) -> dict[str, StoredSecret]:
    """Return all secrets by name, decrypted with whichever of the keys it takes."""
    by_name = {name_of(key): key for key in keys}
    rows = await (await connection.execute(_LOAD)).fetchall()
    return {name: _opened(name, bytes(sealed), key, by_name) for name, sealed, key in rows}


async def replace_secrets(
    connection: Connection, key: bytes, *, put: Mapping[str, StoredSecret], drop: Collection[str]
) -> None:
    """Store secrets encrypted with a key, remove others, and tell the other engines of it."""
    if not put and not drop:
        return
    rows = [(name, _sealed(name, each, key), name_of(key), each.since) for name, each in put.items()]
    await connection.cursor().executemany(_STORE, rows)
    await connection.execute(_DROP, (list(drop),))
    await connection.execute(_CHANGED)
    await tell(connection, "secrets")


def _is_same(one: StoredSecret, other: StoredSecret | None) -> bool:
    return other is not None and (one.since, one.value.reveal()) == (other.since, other.value.reveal())


def _sealed(name: str, secret: StoredSecret, key: bytes) -> bytes:
    return Fernet(key).encrypt(msgspec.json.encode((name, secret.value.reveal(), secret.since)))


def _opened(name: str, sealed: bytes, key: str, keys: Mapping[str, bytes]) -> StoredSecret:
    if key not in keys:
        raise SecretsKeyWrong(f"{name} needs the key {key}").in_words(
            "The shared secrets were encrypted with a key that this machine does not have",
            "Copy secrets.key, or the key that systemd passes, from an engine that can read them; as a second line "
            "below the current key if both are needed.",
        )
    try:
        plain = Fernet(keys[key]).decrypt(sealed)
        sealed_name, value, since = msgspec.json.decode(plain, type=tuple[str, str, datetime])
    except (InvalidToken, msgspec.MsgspecError):
        raise StoredSecretsDamaged(f"{name} in the shared database") from None
    if sealed_name != name:
        raise StoredSecretsDamaged(f"{name} in the shared database was put in place of another one")
    return StoredSecret(Secret(value), since)
