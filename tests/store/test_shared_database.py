"""The shared database: transactions, limits, errors by name, and a schema that is made once and checked ever after."""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.core.secret import Secret
from engine.simulator.certificates import CertificateAuthority
from engine.store.errors import (
    DatabaseAddressUnusable,
    DatabaseAway,
    DatabaseNotPrepared,
    DatabaseOfNewerVersion,
    DatabaseRefused,
    DatabaseSlow,
)
from engine.store.postgres import database as of_database
from engine.store.postgres import migrations
from engine.store.postgres.address import database_address
from engine.store.postgres.database import MOST_CONNECTIONS, Connection, SharedDatabase
from engine.store.postgres.migrations import SCHEMA, check_schema, prepare
from tests.support.eventually import eventually
from tests.support.postgres import OWNER, PASSWORD, VIEW, WITH_PASSWORD, PostgresDatabase, PostgresServer


@asynccontextmanager
async def opened(conninfo: str) -> AsyncIterator[SharedDatabase]:
    database = SharedDatabase(database_address(conninfo))
    try:
        yield database
    finally:
        await database.close()


async def one(connection: Connection, statement: str = "SELECT 1") -> object:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row[0]


async def terminated(administrator: psycopg.Connection[tuple[Any, ...]], backend: object) -> None:
    administrator.execute("SELECT pg_terminate_backend(%s::int)", (backend,))
    await eventually(
        lambda: not administrator.execute("SELECT FROM pg_stat_activity WHERE pid = %s::int", (backend,)).rowcount
    )


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://engine:s3cret@db.example/cluster", "the secrets"),
        ("host=db.example dbname=cluster passfile=/root/.pgpass", "the secrets"),
        ("postgresql://engine@db.example/cluster?sslmode=require", "sslmode=require"),
        ("host=/run/postgresql hostaddr=192.0.2.1 dbname=cluster sslmode=disable", "sslmode=disable"),
        ("postgresql://engine@/cluster", "no host"),
        ("postgresql://engine@db.example", "no database"),
        ("postgresql://engine:s3cret@db.example/cluster?password=x&s3cret=1", "cannot be read"),
    ],
)
def test_an_address_that_is_not_safe_is_refused_without_quoting_it(url: str, complaint: str) -> None:
    with pytest.raises(DatabaseAddressUnusable, match=complaint) as refused:
        database_address(url)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__context__ is None


def test_an_address_is_encrypted_verified_and_given_up_in_time() -> None:
    address = database_address("postgresql://engine@a.example,b.example/cluster", Secret("s3cret"), node="a")
    assert address.parameters["sslmode"] == "verify-full"
    assert Path(str(address.parameters["sslrootcert"])).exists() or address.parameters["sslrootcert"] == "system"
    assert address.parameters["target_session_attrs"] == "read-write"
    assert address.parameters["application_name"] == "calendar-engine a"
    assert address.with_password()["password"] == "s3cret"
    assert "s3cret" not in repr(address)


async def test_a_transaction_is_done_as_a_whole_and_within_its_limits(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_database, "LOCK_WITHIN", 0.02)
    async with opened(cluster_database.conninfo()) as database:

        async def note(connection: Connection) -> object:
            await connection.execute("UPDATE cluster SET settled = 'x'")
            return await one(connection, "SHOW statement_timeout"), await one(connection, "SHOW lock_timeout")

        async def fail(connection: Connection) -> None:
            await connection.execute("UPDATE cluster SET settled = 'y'")
            raise LookupError

        assert await database.run(note) == ("1min", "20ms")
        assert await database.run(note, long_running=True) == ("0", "0")
        with pytest.raises(LookupError):
            await database.run(fail)
        assert await database.run(lambda connection: one(connection, "SELECT settled FROM cluster")) == "x"

        async def overlook(connection: Connection) -> None:
            await note(connection)
            with suppress(psycopg.Error):
                await connection.execute("SELECT 1 / 0")

        with pytest.raises(DatabaseSlow, match="not committed"):
            await database.run(overlook)

        with cluster_database.connection() as administrator, administrator.transaction():
            administrator.execute("UPDATE cluster SET settled = 'z'")
            with pytest.raises(DatabaseSlow, match="lock timeout"):
                await database.run(note)


async def test_a_server_that_does_not_answer_is_given_up(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(cluster_database.conninfo()) as database:
        backend = await database.run(lambda connection: one(connection, "SELECT pg_backend_pid()"))
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGSTOP)
        try:
            with monkeypatch.context() as hasty:
                hasty.setattr(of_database, "DONE_WITHIN", 0.2)
                with pytest.raises(DatabaseSlow, match=r"no answer within 0\.2 s"):
                    await database.run(one)
            assert await database.run(one) == 1, "the connection that did not answer is not used again"
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_all_connections_may_be_in_use(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(cluster_database.conninfo()) as database, asyncio.TaskGroup() as tasks:
        going, over = asyncio.Barrier(MOST_CONNECTIONS + 1), asyncio.Event()

        async def hold(connection: Connection) -> None:
            await going.wait()
            await over.wait()

        for _ in range(MOST_CONNECTIONS):
            tasks.create_task(database.run(hold))
        await going.wait()
        monkeypatch.setattr(of_database, "TURN_WITHIN", 0.05)
        with pytest.raises(DatabaseSlow, match="in use"):
            await database.run(one)
        over.set()


async def test_a_connection_that_the_server_ended_is_not_used_again(cluster_database: PostgresDatabase) -> None:
    async with opened(cluster_database.conninfo()) as database:
        backend = await database.run(lambda connection: one(connection, "SELECT pg_backend_pid()"))
        with cluster_database.connection() as administrator:
            await terminated(administrator, backend)
            assert await database.run(lambda connection: one(connection, "SELECT pg_backend_pid()")) != backend

            async def ended(connection: Connection) -> None:
                await terminated(administrator, await one(connection, "SELECT pg_backend_pid()"))
                await one(connection)

            with pytest.raises(DatabaseAway):
                await database.run(ended)
            assert await database.run(one) == 1

            administrator.execute(f"ALTER DATABASE {cluster_database.name} SET default_transaction_read_only = on")
        with pytest.raises(DatabaseAway, match="read-only"):
            async with opened(cluster_database.conninfo()) as read_only:
                await read_only.run(one)


async def test_a_server_that_takes_no_changes_any_more_is_not_used_again(cluster_database: PostgresDatabase) -> None:
    async with opened(cluster_database.conninfo()) as database, asyncio.TaskGroup() as tasks:
        both = asyncio.Barrier(2)

        async def becomes_a_replica(connection: Connection) -> None:
            await both.wait()
            await connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

        async def change(connection: Connection) -> None:
            await connection.execute("UPDATE cluster SET settled = ''")

        first, second = (tasks.create_task(database.run(becomes_a_replica)) for _ in range(2))
        await asyncio.wait((first, second))
        with pytest.raises(DatabaseAway, match="read-only transaction"):
            await database.run(change)
        await database.run(change)


async def test_errors_have_names(postgres: PostgresServer, empty_database: PostgresDatabase) -> None:
    async def update(connection: Connection) -> None:
        await connection.execute("UPDATE cluster SET settled = ''")

    async def use(conninfo: str) -> None:
        async with opened(conninfo) as database:
            await database.run(update)

    with pytest.raises(DatabaseNotPrepared, match="does not exist"):
        await use(empty_database.conninfo())
    with pytest.raises(DatabaseRefused, match="nosuch"):
        await use(f"host={postgres.directory} dbname=nosuch user={OWNER}")
    with pytest.raises(DatabaseRefused, match="stranger"):
        await use(f"host={postgres.directory} dbname={empty_database.name} user=stranger")
    with pytest.raises(DatabaseAway, match="No such file"):
        await use(f"host={postgres.directory}/nowhere dbname=x user={OWNER}")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(DatabaseAway, match="Connection refused"):
            await use(f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=x user={OWNER}")


async def test_the_schema_is_made_once_whoever_begins(empty_database: PostgresDatabase) -> None:
    async with opened(empty_database.conninfo(OWNER)) as one_of_them, opened(empty_database.conninfo()) as engine:
        with pytest.raises(DatabaseNotPrepared, match="missing"):
            await engine.run(check_schema)
        async with opened(empty_database.conninfo(OWNER)) as other, asyncio.TaskGroup() as tasks:
            tasks.create_task(one_of_them.run(prepare, long_running=True))
            tasks.create_task(other.run(prepare, long_running=True))
        with empty_database.connection() as administrator:
            before = administrator.execute("SELECT * FROM cluster").fetchall()
            assert len(before) == 1
            await one_of_them.run(prepare, long_running=True)
            assert administrator.execute("SELECT * FROM cluster").fetchall() == before
            assert administrator.execute("SELECT count(*), max(shard) FROM shard").fetchone() == (64, 63)
            await engine.run(check_schema)

            administrator.execute("UPDATE cluster SET schema = %s", (SCHEMA + 1,))
            await engine.run(check_schema)
            administrator.execute("UPDATE cluster SET schema = %s", (SCHEMA + 2,))
            with pytest.raises(DatabaseOfNewerVersion):
                await engine.run(check_schema)
            administrator.execute("UPDATE cluster SET schema = %s, oldest = %s", (SCHEMA + 1, SCHEMA + 1))
            for refused in (check_schema, prepare):
                with pytest.raises(DatabaseOfNewerVersion):
                    await one_of_them.run(refused)
            administrator.execute("UPDATE cluster SET schema = %s, oldest = 1", (SCHEMA - 1,))
            with pytest.raises(DatabaseNotPrepared, match=f"this version needs {SCHEMA}"):
                await engine.run(check_schema)


async def test_an_addition_is_made_once_and_engines_of_the_version_before_go_on(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    addition = "ALTER TABLE calendar_engine.cluster ADD COLUMN more int"
    async with opened(cluster_database.conninfo(OWNER)) as database:
        with monkeypatch.context() as newer:
            newer.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, addition))
            newer.setattr(migrations, "SCHEMA", SCHEMA + 1)
            with pytest.raises(DatabaseNotPrepared, match=f"needs {SCHEMA + 1}"):
                await database.run(check_schema)
            for _ in range(2):
                await database.run(prepare, long_running=True)
            await database.run(check_schema)
            assert await database.run(lambda connection: one(connection, "SELECT more FROM cluster")) is None
        await database.run(check_schema)
        await database.run(prepare, long_running=True)
        assert await database.run(lambda connection: one(connection, "SELECT schema FROM cluster")) == SCHEMA + 1


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres: PostgresServer) -> None:
    with postgres.connection() as administrator:
        administrator.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'")
    async with opened(f"host={postgres.directory} dbname=ascii user={OWNER}") as database:
        with pytest.raises(DatabaseNotPrepared, match="SQL_ASCII"):
            await database.run(prepare, long_running=True)
    with postgres.connection() as administrator:
        administrator.execute("DROP DATABASE ascii")


async def test_each_role_may_do_what_it_has_to_and_no_more(cluster_database: PostgresDatabase) -> None:
    async def does(role: str, statement: str) -> bool:
        async with opened(cluster_database.conninfo(role)) as database:
            try:
                await database.run(lambda connection: connection.execute(statement))
            except DatabaseRefused:
                return False
            return True

    looks = "SELECT incarnation(), clock(), * FROM cluster, term, shard"
    assert await does("calendar_engine", looks)
    assert await does(VIEW, looks)
    assert await does(
        "calendar_engine",
        "INSERT INTO audit (at, node, uid, pid, \"user\", action, subject) VALUES (clock(), 'a', 0, 0, '', '', '')",
    )
    assert not await does("calendar_engine", "TRUNCATE audit")
    assert not await does("calendar_engine", "CREATE TABLE calendar_engine.more (x int)")
    assert not await does(VIEW, "SELECT * FROM presence")
    assert not await does(VIEW, "SELECT * FROM secret")
    assert not await does(VIEW, "UPDATE cluster SET settled = ''")


@asynccontextmanager
async def with_tls(postgres: PostgresServer, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port of the loopback interface that speaks TLS as a PostgreSQL does, with the server behind it."""

    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            await reader.readexactly(8)  # SSLRequest
            writer.write(b"S")
            await writer.start_tls(context)
            behind, to_it = await asyncio.open_unix_connection(postgres.directory / ".s.PGSQL.5432")
            async with asyncio.TaskGroup() as both:
                both.create_task(passed_on(reader, to_it))
                both.create_task(passed_on(behind, writer))

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await reader.read(65536):
                writer.write(part)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait([task for task in serving if task is not None])


async def test_a_server_proves_who_it_is_and_an_engine_too(
    postgres: PostgresServer, authority: CertificateAuthority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    trusted = authority.ca_file(tmp_path)
    other = CertificateAuthority("Another CA").ca_file(tmp_path / "other")

    async def use(port: int, password: str = PASSWORD, *, host: str = "localhost", ca: Path = trusted) -> object:
        url = f"postgresql://{WITH_PASSWORD}@{host}:{port}/postgres?sslrootcert={ca}"
        database = SharedDatabase(database_address(url, Secret(password)))
        try:
            return await database.run(one)
        finally:
            await database.close()

    async with with_tls(postgres, authority.issue("localhost").context) as port:
        assert await use(port) == 1
        with pytest.raises(DatabaseAddressUnusable, match="certificate verify failed"):
            await use(port, ca=other)
        with pytest.raises(DatabaseAddressUnusable, match=r"does not match host name .?127\.0\.0\.1"):
            await use(port, host="127.0.0.1")
        with pytest.raises(DatabaseRefused, match="password authentication failed") as refused:
            await use(port, "s3cret")
        assert "s3cret" not in str(refused.value)
        with pytest.raises(DatabaseRefused, match="no password supplied"):
            await use(port, "")


async def test_who_is_cancelled_does_not_wait_and_spoils_nothing(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begun(connection: Connection) -> None:
        await connection.execute("UPDATE cluster SET settled = 'half'")
        task.cancel()
        await connection.execute("SELECT pg_sleep(60)")

    async with opened(cluster_database.conninfo()) as database:
        before = await database.run(lambda connection: one(connection, "SELECT pg_backend_pid()"))
        task = asyncio.ensure_future(database.run(begun))  # noqa: TID251 (it is awaited)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.run(lambda connection: one(connection, "SELECT settled FROM cluster")) == ""
        backend = await database.run(lambda connection: one(connection, "SELECT pg_backend_pid()"))
        assert isinstance(backend, int)
        assert backend != before, "the request to stop would arrive in the next transaction"

        # Nor where the server would answer to nothing, not even that it is asked to stop.
        async def stopped(connection: Connection) -> None:
            os.kill(backend, signal.SIGSTOP)
            task.cancel()
            await connection.execute("SELECT 1")

        task = asyncio.ensure_future(database.run(stopped))  # noqa: TID251
        with monkeypatch.context() as hasty:
            hasty.setattr(of_database, "DONE_WITHIN", 0.2)
            with pytest.raises(asyncio.CancelledError):
                await task
        os.kill(backend, signal.SIGCONT)
        assert await database.run(one) == 1
