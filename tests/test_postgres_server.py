"""The PostgreSQL of the tests is shared by the processes of a run, and ends with the last of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.support.eventually import eventually
from tests.support.postgres import OWNER, PostgresDatabase, PostgresServer, shared_server

pytestmark = pytest.mark.process


def test_a_database_is_empty_and_its_own(postgres: PostgresServer, empty_database: PostgresDatabase) -> None:
    with psycopg.connect(empty_database.conninfo(OWNER), autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (x int)")
    with postgres.database() as other, other.connection() as connection:
        assert connection.execute("SELECT to_regclass('theirs')").fetchone() == (None,)


def begun_elsewhere(run: Path) -> subprocess.Popen[str]:
    """A process that begins the server of a run, prints where it is, and stays."""
    program = """
import sys
from pathlib import Path
from tests.support.postgres import shared_server
with shared_server(Path(sys.argv[1])) as server:
    print(server.directory, flush=True)
    sys.stdin.read()
"""
    return subprocess.Popen(
        [sys.executable, "-c", program, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
async def test_a_server_is_shared_and_ends_with_the_last_who_uses_it(tmp_path: Path) -> None:
    with begun_elsewhere(tmp_path) as other:
        assert other.stdout is not None
        directory = Path(other.stdout.readline().strip())
        with shared_server(tmp_path) as server:
            assert server.directory == directory
            os.kill(other.pid, signal.SIGKILL)
            other.wait()
            with server.database() as database, database.connection() as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    await eventually(lambda: not directory.exists())


@pytest.mark.slow
def test_what_was_committed_outlives_a_server_that_is_killed() -> None:
    server = PostgresServer.begun()
    with server.connection() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")
        server.stop("immediate")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        server.start()
    with server.connection() as connection:
        assert connection.execute("SELECT * FROM kept").fetchone() == (1,)
    server.leave()
