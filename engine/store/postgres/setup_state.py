"""The answers of a set-up under way, for all engines: it is continued at any of them, at one at a time."""

from engine.store.postgres.database import Connection, SharedDatabase, tell
from engine.store.setup_state import SetupContinuedElsewhere


class SharedSetup:
    """The row of `setup`, for the engine named `node`; implements `SetupStore`. Its version is never used again."""

    def __init__(self, database: SharedDatabase, node: str) -> None:
        self._database = database
        self._node = node
        self._seen = 0

    async def read(self) -> bytes | None:
        """Return what is kept, None if no set-up is under way."""

        async def read(connection: Connection) -> tuple[int, str]:
            row = await (await connection.execute(_READ)).fetchone()
            return (0, "") if row is None else (row[0], row[1])

        self._seen, state = await self._database.run(read)
        return state.encode() or None

    async def write(self, content: bytes) -> None:
        """Keep this. Raises `SetupContinuedElsewhere` if another engine has changed it since it was read."""

        async def write(connection: Connection) -> int:
            values = {"seen": self._seen, "node": self._node, "state": content.decode()}
            row = await (await connection.execute(_WRITE, values)).fetchone()
            if row is None:
                raise SetupContinuedElsewhere(f"at {await _node(connection)}")
            await tell(connection, "setup")
            return int(row[0])

        self._seen = await self._database.run(write)

    async def remove(self) -> None:
        """Keep nothing any more. Raises what `write` does."""
        await self.write(b"")


_READ = "SELECT version, state FROM setup"
_WRITE = """
    INSERT INTO setup (version, node, state) VALUES (%(seen)s + 1, %(node)s, %(state)s)
    ON CONFLICT (one) DO UPDATE SET version = excluded.version, node = excluded.node, state = excluded.state
        WHERE setup.version = %(seen)s
    RETURNING version
"""


async def _node(connection: Connection) -> str:
    [(node,)] = await (await connection.execute("SELECT node FROM setup")).fetchall()
    return str(node)
