"""A machine whose engine is stopped, on which commands are called that take it into a cluster or out of it."""

import argparse
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from engine.cli import joining
from engine.cli.main import main
from engine.core.secret import Secret
from engine.store.moving import StoredState, read_state
from engine.store.secret_store import SecretStore, StoredSecret
from tests.support.postgres import ENGINE, PostgresDatabase

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STORE = Path(__file__).parents[1] / "fixtures" / "stores" / "schema-7.sql"
SETTINGS = """\
# The one in the cellar.
[pbx]
master = "headquarters"
host = "127.0.0.1"  # behind the switch
ca_file = "/etc/ssl/pbx.pem"

[exchange]
type = "on-premises"
user = "svc@corp.example"

[presence]
language = "de"

[engine]
state_dir = "{directory}/state"
socket = "{directory}/engine.sock"

[cluster]
database = "{url}"
node = "{name}"
lease_seconds = 5
"""


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


class TimePasses:
    """A clock for whoever waits, while the engine `at_work` goes on."""

    def __init__(self, database: PostgresDatabase, at_work: str) -> None:
        self._database = database
        self._at_work = at_work
        self._now = NOON

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        self._now = max(self._now, instant)
        with self._database.connection() as connection:
            connection.execute("UPDATE term SET beat = beat + 1 WHERE node = %s AND ended IS NULL", (self._at_work,))


@dataclass
class Machine:
    """A machine with the engine `name`, on which commands are called."""

    name: str
    directory: Path
    database: PostgresDatabase
    capture: Callable[[], tuple[str, str]]
    role: str = ENGINE
    typed: str = ""
    key: bytes = field(default_factory=Fernet.generate_key)

    def __post_init__(self) -> None:
        self.state.mkdir(mode=0o700, parents=True)
        (self.state / "secrets.key").write_bytes(self.key)
        (self.state / "secrets.key").chmod(0o600)
        self.file.write_text(SETTINGS.format(directory=self.directory, url=self.url, name=self.name))

    @property
    def url(self) -> str:
        return f"postgresql:///{self.database.name}?host={self.database.server.directory}&user={self.role}"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def file(self) -> Path:
        return self.directory / "engine.toml"

    def run(self, *arguments: str, typed: str = "", at_work: str = "") -> Ended:
        """Call a command, with the engine `at_work` on another machine meanwhile."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("sys.stdin", io.StringIO(typed))
            patched.setattr(joining, "SteadyClock", lambda: TimePasses(self.database, at_work))
            status = main([*arguments, "--settings", str(self.file)])
        return Ended(status, *self.capture())

    def do(self, action: str) -> int:
        """Call a command without its command line, whose parser takes longer than all else."""
        options = argparse.Namespace(settings=self.file, secrets=None, create=False, sql=False, check=False, last=False)
        options.action, options.json = action, True
        return joining.run_joining(options)

    def fill(self) -> None:
        """Let this be the machine of an engine that has worked alone for long."""
        (self.state / "engine.db").touch(mode=0o600)
        with closing(sqlite3.connect(self.state / "engine.db")) as connection:
            connection.executescript(STORE.read_text())
            connection.execute("UPDATE settings_version SET text = ? WHERE id = 2", (self.file.read_text(),))
            connection.commit()
        (self.state / "setup.json").write_text('{"é": 1}')
        SecretStore(self.state, None).store({"pbx.password": StoredSecret(Secret("Tr0ub4dor"), NOON)})

    def stored(self) -> StoredState:
        """Return what an engine that works alone finds."""
        with closing(sqlite3.connect(self.state / "engine.db")) as connection:
            return read_state(connection)

    def secrets(self) -> dict[str, str]:
        return {name: each.value.reveal() for name, each in SecretStore(self.state, None).load().items()}


LOCAL = """\
# The one in the cellar.
[pbx]
ca_file = "/etc/ssl/pbx.pem"

[exchange]

[presence]

"""


def begin(database: PostgresDatabase, node: str) -> None:
    """Let an engine begin to work, and own a shard."""
    with database.connection() as connection:
        term = str(uuid4())
        connection.execute(
            "INSERT INTO term (term, node, role, version, schema, keys) VALUES (%s, %s, 'share', '1', 1, '{}')",
            (term, node),
        )
        connection.execute("UPDATE shard SET term = %s WHERE shard = %s", (term, ord(node) % 8))


def names_in(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()} - {"engine.lock", "secrets.key", "secrets.enc"}
