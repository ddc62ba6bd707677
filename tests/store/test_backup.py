"""A backup holds everything, shows nothing, and any change of it is noticed."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.store.backup import HIGHEST_COST, Backup, opened, sealed, store_to_restore
from engine.store.database import MIGRATIONS, Database
from engine.store.errors import BackupChanged, BackupPassphraseWrong, BackupUnusable, StoreFailure
from engine.store.presence import AcknowledgedPresences
from engine.store.secret_store import StoredSecret

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSPHRASE = Secret("correct horse battery staple")
MARKED = "Tr0ub4dor&3-marked"
BACKUP = Backup(
    made=NOON,
    version="1.0",
    settings='[pbx]\nmaster = "headquarters"\n',
    store=b"database",
    secrets={"pbx.password": StoredSecret(Secret(MARKED), NOON)},
    files={"setup.json": b"{}"},
)
FILE = sealed(BACKUP, PASSPHRASE, cost=1)


def test_what_was_put_in_comes_out_and_is_not_to_be_seen() -> None:
    backup = opened(FILE, PASSPHRASE)
    assert backup.secrets["pbx.password"].value.reveal() == MARKED
    assert msgspec.structs.replace(backup, secrets={}) == msgspec.structs.replace(BACKUP, secrets={})
    assert MARKED.encode() not in FILE
    assert MARKED not in repr(backup)
    assert sealed(BACKUP, PASSPHRASE, cost=1) != FILE


def test_a_letter_with_an_accent_is_the_same_however_a_keyboard_writes_it() -> None:
    backup = sealed(BACKUP, Secret("pass\u00e9 compos\u00e9"), cost=1)
    assert opened(backup, Secret("passe\u0301 compose\u0301")).settings == BACKUP.settings


@given(at=st.integers(0, len(FILE) - 1), bit=st.integers(0, 7))
@settings(max_examples=200)
@pytest.mark.property
def test_no_bit_can_be_changed(at: int, bit: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= 1 << bit
    if changed[25] not in (0, 1):
        changed[25] = HIGHEST_COST + 1  # or the test would take as long as the cost says
    with pytest.raises((BackupUnusable, BackupPassphraseWrong, BackupChanged)):
        opened(bytes(changed), PASSPHRASE)


@given(length=st.integers(0, len(FILE) - 1))
@pytest.mark.property
def test_no_part_of_it_is_taken_for_a_backup(length: int) -> None:
    with pytest.raises((BackupUnusable, BackupChanged)):
        opened(FILE[:length], PASSPHRASE)


def test_each_reason_has_its_name() -> None:
    with pytest.raises(BackupPassphraseWrong):
        opened(FILE, Secret("correct horse battery stable"))
    with pytest.raises(BackupChanged):
        opened(FILE[:-1] + bytes([FILE[-1] ^ 1]), PASSPHRASE)
    with pytest.raises(BackupUnusable, match="newer version"):
        opened(FILE.replace(b"backup 1\n", b"backup 2\n"), PASSPHRASE)
    with pytest.raises(BackupUnusable, match="no backup"):
        opened(b"PK\3\4", PASSPHRASE)
    stranger = msgspec.structs.replace(BACKUP, files={"../secrets.key": b""})
    with pytest.raises(BackupUnusable, match="files"):
        opened(sealed(stranger, PASSPHRASE, cost=1), PASSPHRASE)


async def test_presences_of_a_restored_database_are_in_doubt(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.open()
    await AcknowledgedPresences(database).acknowledge("a" * 32, Presence("busy", "Jour fixe"), NOON)
    copy = await database.run(sqlite3.Connection.serialize)
    await database.close()
    (tmp_path / "engine.db").write_bytes(store_to_restore(copy))
    await database_is_in_doubt(tmp_path)


async def database_is_in_doubt(state: Path) -> None:
    database = Database(state)
    await database.open()
    try:
        [record] = (await AcknowledgedPresences(database).load()).values()
        assert record.in_doubt
        assert record.acknowledged is None
    finally:
        await database.close()


@pytest.mark.parametrize("store", [b"", b"SQLite format 3\0" + bytes(100), b"nonsense" * 100])
def test_a_damaged_database_is_refused(store: bytes) -> None:
    with pytest.raises(StoreFailure):
        store_to_restore(store)


def test_the_database_of_a_newer_version_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer = connection.serialize()
    connection.close()
    with pytest.raises(BackupUnusable, match="newer version"):
        store_to_restore(newer)
