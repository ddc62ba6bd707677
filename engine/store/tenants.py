"""What was found out about the tenants of Microsoft 365 with which this engine was tried."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from engine.core import bounded
from engine.core.tenant import NOTHING_LEARNED, TenantFacts
from engine.store.database import Database
from engine.store.errors import StoreFailure

Key = tuple[str, str]
"""The tenant ID and the client ID of the application, as in the settings."""


class TenantTable(Protocol):
    """Keeps facts as texts. Every method raises a `StoreFailure`."""

    async def all(self) -> Sequence[tuple[str, str, str]]:
        """Return tenant ID, client ID and facts of each."""
        ...

    async def keep(self, key: Key, facts: str) -> None:
        """Keep the facts of one, instead of those before."""
        ...

    async def forget_others(self, key: Key) -> None:
        """Forget all but one."""
        ...


class SqliteTenants:
    """The table `tenant_facts` of an engine that works alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[tuple[str, str, str]]:
        """Return tenant ID, client ID and facts of each."""
        return await self._database.run(lambda connection: connection.execute(_ALL).fetchall())

    async def keep(self, key: Key, facts: str) -> None:
        """Keep the facts of one, instead of those before."""
        await self._database.run(lambda connection: connection.execute(_KEEP, (*key, facts)))

    async def forget_others(self, key: Key) -> None:
        """Forget all but one."""
        await self._database.run(lambda connection: connection.execute(_FORGET_OTHERS, key))


class KnownTenants:
    """What is known of tenants. `load` it once. While the table cannot be written, facts are kept in memory alone."""

    def __init__(self, table: TenantTable) -> None:
        self._table = table
        self._known: dict[Key, TenantFacts] = {}

    async def load(self) -> None:
        """Read all facts; those that cannot be read are as if they had never been learned."""
        self._known = dict(_readable(await self._table.all()))

    def facts(self, tenant_id: str, client_id: str) -> TenantFacts:
        """Return what is known of a tenant and an application in it."""
        return self._known.get((tenant_id, client_id), NOTHING_LEARNED)

    async def keep(self, tenant_id: str, client_id: str, facts: TenantFacts) -> None:
        """Keep what was found out, instead of what was known before."""
        key = (tenant_id, client_id)
        self._known[key] = facts
        with contextlib.suppress(StoreFailure):
            await self._table.keep(key, msgspec.json.encode(facts).decode())

    async def forget_others(self, tenant_id: str, client_id: str) -> None:
        """Forget all but one tenant and application, which the settings in force name."""
        key = (tenant_id, client_id)
        if self._known.keys() <= {key}:
            return
        self._known = {key: self._known[key]} if key in self._known else {}
        with contextlib.suppress(StoreFailure):
            await self._table.forget_others(key)


def _readable(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[Key, TenantFacts]]:
    for tenant_id, client_id, text in rows:
        with contextlib.suppress(bounded.NotReadable):
            yield (tenant_id, client_id), bounded.json(text.encode(), TenantFacts)


_ALL = "SELECT tenant_id, client_id, facts FROM tenant_facts"
_KEEP = "INSERT OR REPLACE INTO tenant_facts VALUES (?, ?, ?)"
_FORGET_OTHERS = "DELETE FROM tenant_facts WHERE NOT (tenant_id = ? AND client_id = ?)"
