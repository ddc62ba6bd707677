"""The stores of an engine, alone on SQLite or with others on PostgreSQL, for tests that both have to pass."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from cryptography.fernet import Fernet

from engine.core.claims import UNLIMITED, Claim
from engine.logins.history import AttemptHistory
from engine.store.audit import AuditStore, AuditTrail
from engine.store.database import Database
from engine.store.logins import LogInHistory
from engine.store.postgres.audit import SharedAudit
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.history import SharedHistory
from engine.store.postgres.logins import SharedLogIns
from engine.store.postgres.presences import SharedPresences
from engine.store.postgres.secrets import SharedSecrets
from engine.store.postgres.setup_state import SharedSetup
from engine.store.postgres.tenants import SharedTenants
from engine.store.presence import AcknowledgedPresences, PresenceStore
from engine.store.secret_store import SecretStore, SecretVault, name_of
from engine.store.settings_history import SettingsHistory, VersionStore
from engine.store.setup_state import SetupFile, SetupStore
from engine.store.tenants import SqliteTenants, TenantTable
from tests.support.clock import ManualClock
from tests.support.postgres import PostgresDatabase

KEY = Fernet.generate_key()

SHARD = 7
"""The shard of all users in these tests."""


@dataclass(frozen=True, slots=True)
class FixedClaim:
    """A claim that its holder believes in for ever, as one that was stopped right after it had looked."""

    token: int
    term: str
    shard: int = SHARD

    def holds(self) -> bool:
        return True


class Storage(Protocol):
    """What an engine stores, in stores made anew with each call, as after a restart."""

    @property
    def claim(self) -> Claim:
        """The claim to all users."""
        ...

    def presences(self) -> PresenceStore: ...

    def history(self) -> VersionStore: ...

    def audit(self) -> AuditStore: ...

    def tenants(self) -> TenantTable: ...

    def log_ins(self) -> AttemptHistory: ...

    def secrets(self) -> SecretVault: ...

    def setup(self) -> SetupStore: ...

    async def restart(self) -> None:
        """End the process, and start another one that owns all users."""
        ...

    async def bring_new_key(self) -> None:
        """Give the engines a key to encrypt secrets with from now on, where they do not make it themselves."""
        ...

    async def close(self) -> None: ...


class SqliteStorage:
    """That of an engine that works alone."""

    claim = UNLIMITED

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.database = Database(directory)

    def presences(self) -> PresenceStore:
        return AcknowledgedPresences(self.database)

    def history(self) -> VersionStore:
        return SettingsHistory(self.database)

    def audit(self) -> AuditStore:
        return AuditTrail(self.database)

    def tenants(self) -> TenantTable:
        return SqliteTenants(self.database)

    def log_ins(self) -> AttemptHistory:
        return LogInHistory(self.database)

    def secrets(self) -> SecretVault:
        return SecretStore(self._directory, None)

    def setup(self) -> SetupStore:
        return SetupFile(self._directory / "setup.json")

    async def restart(self) -> None:
        await self.database.close()
        self.database = Database(self._directory)
        await self.database.open()

    async def bring_new_key(self) -> None:
        pass

    async def close(self) -> None:
        await self.database.close()


class PostgresStorage:
    """That of an engine with others, as which another object of this class may serve."""

    def __init__(self, made: PostgresDatabase, node: str = "a", keys: tuple[bytes, ...] = (KEY,)) -> None:
        self._made = made
        self.keys = keys
        self._node = node
        self.database = SharedDatabase(made.address)
        self.clock = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
        self.term = ""
        self.claim = self.take()

    def take(self) -> FixedClaim:
        """Begin a term and take the shard from whoever has it, as the protocol of leases does it."""
        self.term = str(uuid4())
        with self._made.connection() as connection:
            connection.execute("UPDATE term SET ended = clock() WHERE node = %s AND ended IS NULL", (self._node,))
            connection.execute(
                "INSERT INTO term (term, node, role, version, schema, keys) VALUES (%s, %s, 'share', '1', 1, %s)",
                (self.term, self._node, [name_of(key) for key in self.keys]),
            )
            row = connection.execute(
                "UPDATE shard SET term = %s, token = token + 1 WHERE shard = %s RETURNING token", (self.term, SHARD)
            ).fetchone()
        assert row is not None
        self.claim = FixedClaim(row[0], self.term)
        return self.claim

    def presences(self) -> SharedPresences:
        return SharedPresences(self.database, lambda: self.term)

    def history(self) -> SharedHistory:
        return SharedHistory(self.database, self._node)

    def audit(self) -> SharedAudit:
        return SharedAudit(self.database, self._node)

    def tenants(self) -> TenantTable:
        return SharedTenants(self.database)

    def log_ins(self) -> AttemptHistory:
        return SharedLogIns(self.database, self.term, self.clock)

    def secrets(self) -> SharedSecrets:
        return SharedSecrets(self.database, lambda: self.keys, asyncio.get_running_loop())

    def setup(self) -> SharedSetup:
        return SharedSetup(self.database, self._node)

    async def restart(self) -> None:
        await self.database.close()
        self.database = SharedDatabase(self._made.address)
        self.take()

    async def bring_new_key(self) -> None:
        self.keys = (Fernet.generate_key(), *self.keys)
        await self.restart()

    async def close(self) -> None:
        await self.database.close()
