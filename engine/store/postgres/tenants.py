"""What was found out about tenants of Microsoft 365, for all engines."""

from collections.abc import Sequence

from engine.store.postgres.database import Connection, SharedDatabase, tell
from engine.store.tenants import Key


class SharedTenants:
    """The table `tenant_facts`; the other engines are told of each change."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database

    async def all(self) -> Sequence[tuple[str, str, str]]:
        """Return tenant ID, client ID and facts of each."""

        async def read(connection: Connection) -> list[tuple[str, str, str]]:
            return [(row[0], row[1], row[2]) for row in await (await connection.execute(_ALL)).fetchall()]

        return await self._database.run(read)

    async def keep(self, key: Key, facts: str) -> None:
        """Keep the facts of one, instead of those before."""
        await self._change(_KEEP, (*key, facts))

    async def forget_others(self, key: Key) -> None:
        """Forget all but one."""
        await self._change(_FORGET_OTHERS, key)

    async def _change(self, statement: str, values: tuple[str, ...]) -> None:
        async def change(connection: Connection) -> None:
            await connection.execute(statement, values)
            await tell(connection, "tenants")

        await self._database.run(change)


_ALL = "SELECT tenant_id, client_id, facts FROM tenant_facts"
_KEEP = """
    INSERT INTO tenant_facts VALUES (%s, %s, %s)
    ON CONFLICT (tenant_id, client_id) DO UPDATE SET facts = excluded.facts
"""
_FORGET_OTHERS = "DELETE FROM tenant_facts WHERE NOT (tenant_id = %s AND client_id = %s)"
