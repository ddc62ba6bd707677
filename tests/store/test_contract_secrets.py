"""Secrets are kept alike for an engine that works alone and for several, in clear nowhere but in their memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.store.cluster_secrets import ClusterSecrets
from engine.store.errors import SharedDatabaseFailure
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.secrets import SharedSecrets
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import (
    SecretsKeyNotNew,
    SecretsKeyNotShared,
    SecretsKeyUnusable,
    SecretsKeyWrong,
    SecretStore,
    SecretVault,
    StoredSecret,
    StoredSecretsDamaged,
    name_of,
)
from tests.support.postgres import PostgresDatabase
from tests.support.storage import KEY, PostgresStorage, Storage

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def with_secret(name: str, value: str) -> Callable[[dict[str, StoredSecret]], Mapping[str, StoredSecret]]:
    return lambda stored: stored | {name: StoredSecret(Secret(value), NOW)}


async def content(vault: SecretVault) -> dict[str, str]:
    return {name: each.value.reveal() for name, each in (await asyncio.to_thread(vault.load)).items()}


async def put(vault: SecretVault, name: str, value: str) -> None:
    await asyncio.to_thread(vault.change, with_secret(name, value))


@pytest.fixture
async def shared(cluster_database: PostgresDatabase) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(cluster_database)
    yield storage
    await storage.close()


async def test_secrets_are_replaced_dropped_and_encrypted_anew(storage: Storage, tmp_path: Path) -> None:
    vault = storage.secrets()
    assert await content(vault) == {}
    sources = SecretSources({}, None, vault, lambda: NOW, settings_file=tmp_path / "settings.toml")
    await sources.put({"pbx.password": Secret("é %s\0"), "exchange.password": Secret("one")})
    await sources.put({"exchange.password": Secret("two")})
    await storage.restart()
    sources = SecretSources({}, None, storage.secrets(), lambda: NOW, settings_file=tmp_path / "settings.toml")
    assert await content(storage.secrets()) == {"pbx.password": "é %s\0", "exchange.password": "two"}
    assert {each.name: each.stored_since for each in await sources.origins() if each.place} == {
        "pbx.password": NOW,
        "exchange.password": NOW,
    }
    await storage.bring_new_key()
    sources = SecretSources({}, None, storage.secrets(), lambda: NOW, settings_file=tmp_path / "settings.toml")
    await sources.rotate_key()
    assert await sources.delete("pbx.password")
    assert not await sources.delete("pbx.password")
    assert await content(storage.secrets()) == {"exchange.password": "two"}
    await sources.put({"exchange.client_secret": Secret("in force so far")})
    await sources.add_certificate(renew=False)
    made = (await sources.certificates()).next
    await sources.certificate_accepted(made)
    assert (await sources.certificates()).current.reveal() == made.reveal() != ""
    await sources.delete_certificates()
    await sources.replace(put={}, drop=["exchange.client_secret", "unknown"])
    assert await content(storage.secrets()) == {"exchange.password": "two"}


async def test_changes_at_two_engines_are_both_kept(shared: PostgresStorage) -> None:
    await asyncio.gather(
        *(put(shared.secrets(), name, name) for name in ("exchange.password", "pbx.password", "exchange.client_secret"))
    )
    assert len(await content(shared.secrets())) == 3


async def test_the_database_shows_no_secret_and_no_key(
    shared: PostgresStorage, cluster_database: PostgresDatabase
) -> None:
    await put(shared.secrets(), "pbx.password", "correct horse battery")
    with cluster_database.connection() as administrator:
        tables = administrator.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'calendar_engine'"
        ).fetchall()
        shown = [str(administrator.execute(f"SELECT t::text FROM {name} t").fetchall()) for (name,) in tables]
        [(sealed,)] = administrator.execute("SELECT sealed FROM secret").fetchall()
    for secret in (b"horse", KEY, KEY[:20]):
        assert secret not in sealed
        assert not any(secret.decode() in each or secret.hex() in each for each in shown)


@pytest.mark.parametrize(
    ("change", "failure", "words"),
    [
        ("sealed = (SELECT sealed FROM secret s WHERE s.name <> secret.name)", StoredSecretsDamaged, "another one"),
        ("sealed = set_byte(sealed, 40, 65)", StoredSecretsDamaged, "in the shared database"),
        ("key = '0123456789ab'", SecretsKeyWrong, "needs the key 0123456789ab"),
    ],
)
async def test_whoever_writes_to_the_table_cannot_pass_off_a_secret(
    shared: PostgresStorage, cluster_database: PostgresDatabase, change: str, failure: type[Failure], words: str
) -> None:
    await put(shared.secrets(), "pbx.password", "one")
    await put(shared.secrets(), "exchange.password", "another")
    with cluster_database.connection() as administrator:
        administrator.execute(f"UPDATE secret SET {change}")
    with pytest.raises(failure, match=words):
        await content(shared.secrets())


async def test_a_key_encrypts_only_what_all_engines_can_read(
    shared: PostgresStorage, cluster_database: PostgresDatabase
) -> None:
    await put(shared.secrets(), "pbx.password", "one")
    new = Fernet.generate_key()
    other = PostgresStorage(cluster_database, "b", keys=(new, KEY))
    assert await content(other.secrets()) == {"pbx.password": "one"}
    with pytest.raises(SecretsKeyNotShared, match="a without the key"):
        await put(other.secrets(), "pbx.password", "two")
    with pytest.raises(SecretsKeyNotShared, match="a without the key"):
        await rotated(other.secrets())
    assert await content(shared.secrets()) == {"pbx.password": "one"}

    with pytest.raises(SecretsKeyNotNew, match=name_of(KEY)):
        await rotated(shared.secrets())
    shared.keys = (KEY, new)
    await shared.restart()
    await rotated(other.secrets())
    other.keys = (new,)
    assert await content(other.secrets()) == await content(shared.secrets()) == {"pbx.password": "one"}
    shared.keys = (KEY,)
    with pytest.raises(SecretsKeyWrong, match="does not have"):
        await content(shared.secrets())
    shared.keys = ()
    with pytest.raises(SecretsKeyUnusable):
        await put(shared.secrets(), "pbx.password", "two")
    await other.close()


async def test_the_password_of_the_database_stays_on_the_machine_with_a_copy_of_the_others(
    shared: PostgresStorage, cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    local = SecretStore(tmp_path, None)
    local.store({})
    shared.keys = local.keys()
    await shared.restart()
    vault = ClusterSecrets(local, shared.secrets())
    await put(vault, "cluster.password", "to the database")
    await put(shared.secrets(), "pbx.password", "by another engine")
    await put(vault, "exchange.password", "one")
    both = {"pbx.password": "by another engine", "exchange.password": "one"}
    assert await content(shared.secrets()) == both
    assert await content(vault) == await content(local) == {**both, "cluster.password": "to the database"}

    shared.keys = (Fernet.generate_key(), *shared.keys)
    (tmp_path / "secrets.key").write_bytes(b"\n".join(shared.keys))
    await shared.restart()
    vault = ClusterSecrets(local, shared.secrets())
    await rotated(vault)
    shared.keys = shared.keys[:1]
    (tmp_path / "secrets.key").write_bytes(shared.keys[0])
    assert await content(vault) == {**both, "cluster.password": "to the database"}

    # While the database is away, nothing but its own password can be changed, and everything is known.
    with cluster_database.server.connection() as administrator:
        administrator.execute(f'ALTER DATABASE "{cluster_database.name}" ALLOW_CONNECTIONS false')
    await shared.database.close()
    away = SharedDatabase(cluster_database.address)
    vault = ClusterSecrets(local, SharedSecrets(away, lambda: shared.keys, asyncio.get_running_loop()))
    with pytest.raises(SharedDatabaseFailure):
        await put(vault, "pbx.password", "two")
    await put(vault, "cluster.password", "another")
    assert await content(vault) == {**both, "cluster.password": "another"}
    await away.close()


async def rotated(vault: SecretVault) -> None:
    await asyncio.to_thread(vault.rotate_key)
