"""The commands `cluster join`, `leave` and `migrate`, with a real PostgreSQL: nothing that is stored is ever lost."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from engine.core.secret import Secret
from engine.settings.local_keys import combined
from engine.store.database import locked
from engine.store.errors import DatabaseClientMissing
from engine.store.postgres import migrations, preparing
from engine.store.postgres.address import database_address
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres_client import client_needed
from engine.store.secret_store import CREDENTIAL, SecretStore, StoredSecret
from engine.store.secrets import SecretsMissing
from tests.support.cluster import made_small
from tests.support.postgres import ENGINE, OWNER, PASSWORD, VIEW, WITH_PASSWORD, PostgresDatabase
from tests.support.stopped_machine import LOCAL, NOON, Machine, begin, names_in

pytestmark = [pytest.mark.process, pytest.mark.slow]

Make = Callable[..., Machine]


@pytest.fixture
def make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Make:
    def made(name: str, database: PostgresDatabase, **others: Any) -> Machine:
        def capture() -> tuple[str, str]:
            out, err = capsys.readouterr()
            return out, err

        return Machine(name, tmp_path / name, database, capture, **others)

    return made


def test_everything_moves_into_a_new_database_and_comes_back(make: Make, empty_database: PostgresDatabase) -> None:
    a = make("a", empty_database)
    a.fill()
    text, before = a.file.read_text(), a.stored()
    assert a.run("secret", "set", "cluster.password", typed="not needed\n").status == 0
    before = a.stored()

    ended = a.run("cluster", "join")
    assert (ended.status, "cluster join --create" in ended.err) == (2, True)
    with locked(a.state):
        ended = a.run("cluster", "join", "--create")
        assert (ended.status, "Another engine is running" in ended.err) == (2, True)
    joined = a.run("cluster", "join", "--create", "--json").json
    assert joined == {
        "node": "a",
        "database": f"{empty_database.server.directory}, database {empty_database.name}",
        "is_first": True,
        "presences": len(before.presences),
        "versions": 2,
        "secrets": ["pbx.password"],
        "differing": [],
        "differing_secrets": [],
        "has_namesake": False,
        "kept": [str(a.file) + ".joined", str(a.state / "setup.json.joined"), str(a.state / "engine.db.joined")],
    }
    assert a.file.read_text() == LOCAL + text[text.index("[engine]") :]
    assert Path(joined["kept"][0]).read_text() == text
    assert Path(joined["kept"][0]).stat().st_mode & 0o777 == 0o600
    assert names_in(a.state) == {"engine.db.joined", "setup.json.joined"}
    assert a.secrets() == {"cluster.password": "not needed", "pbx.password": "Tr0ub4dor"}
    with empty_database.connection() as connection:
        assert connection.execute("SELECT shards, lease_seconds FROM cluster").fetchall() == [(64, 5)]
        assert connection.execute("SELECT count(*) FROM shard").fetchall() == [(64,)]
    assert a.run("config", "get", "presence.language").out == '"de"\n'
    assert a.run("secret", "set", "exchange.password", typed="another\n").status == 0

    assert a.run("cluster", "leave").err == ""
    back = a.stored()
    assert replace(back, audit=(), versions=(), tenants={}) == replace(before, audit=(), versions=(), tenants={})
    assert [replace(each, text="") for each in back.versions] == [replace(each, text="") for each in before.versions]
    assert [each.action for each in back.audit[len(before.audit) :]] == ["join_cluster", "set_secret", "leave_cluster"]
    assert a.secrets() == {
        "cluster.password": "not needed",
        "exchange.password": "another",
        "pbx.password": "Tr0ub4dor",
    }
    assert back.versions[0].text == a.file.read_text() == text.partition("\n[cluster]")[0] + "\n"
    assert combined("", back.versions[1].text) == combined("", before.versions[1].text)
    assert [each["id"] for each in a.run("config", "history", "--json").json["versions"]] == [2, 1]
    assert (a.state / "setup.json").read_text() == '{"é": 1}'


def test_others_bring_what_is_unknown_and_leave_without_anything(
    make: Make, cluster_database: PostgresDatabase
) -> None:
    made_small(cluster_database)
    a = make("a", cluster_database)
    b = make("b", cluster_database, key=a.key)
    a.fill()
    b.fill()
    b.file.write_text(b.file.read_text().replace('"de"', '"fr"').replace("svc@", "other@"))
    with closing(sqlite3.connect(b.state / "engine.db")) as connection:
        connection.execute("INSERT INTO presence (guid, activity) VALUES ('b', 'busy')")
        connection.commit()
    SecretStore(b.state, None).store({"pbx.password": StoredSecret(Secret("unlike a's"), NOON)})
    text, before = b.file.read_text(), b.stored()

    would = a.run("cluster", "join", "--check").out
    assert "would join" in would
    assert "1 presence, 2 versions of the settings, 1 secret" in would
    assert names_in(a.state) == {"engine.db", "setup.json"}
    assert a.run("cluster", "join").status == 0
    assert a.run("cluster", "join", "--json").json["is_first"] is False  # once more, without effect

    would = b.run("cluster", "join", "--check").out
    assert "  presence.language: de, here fr" in would
    assert (b.file.read_text(), b.stored()) == (text, before)
    joined = b.run("cluster", "join", "--json").json
    assert joined["presences"] == 1
    assert joined["differing"] == [
        {"key": "exchange.user", "before": "other@corp.example", "after": "svc@corp.example"},
        {"key": "presence.language", "before": "fr", "after": "de"},
    ]
    assert joined["differing_secrets"] == ["pbx.password"]
    assert names_in(b.state) == {"engine.db.joined", "secrets.enc.joined", "setup.json.joined"}
    with cluster_database.connection() as connection:
        found = connection.execute("SELECT guid, activity, token FROM presence WHERE guid = 'b'").fetchall()
        assert found == [("b", None, 0)]

    for node in ("a", "b"):
        begin(cluster_database, node)
    assert b.run("cluster", "join", "--json", "--check").json["has_namesake"] is True
    ended = b.run("cluster", "leave", at_work="b")
    assert (ended.status, "under the name of this node" in ended.err) == (2, True)
    ended = b.run("cluster", "leave", "--last", at_work="a")
    assert (ended.status, "are at work: a" in ended.err) == (2, True)
    assert "These go on without it: a" in b.run("cluster", "leave", "--check", at_work="a").out
    assert b.run("cluster", "leave", "--json", at_work="a").json["others"] == ["a"]
    assert (b.secrets(), "cluster" in b.file.read_text()) == ({}, False)
    with cluster_database.connection() as connection:
        assert connection.execute("SELECT DISTINCT node FROM term").fetchall() == [("a",)]
    ended = b.run("cluster", "leave")
    assert (ended.status, "No shared database is set" in ended.err) == (2, True)


def test_the_last_one_takes_back_only_what_nobody_else_will_look_for(
    make: Make, cluster_database: PostgresDatabase
) -> None:
    made_small(cluster_database)
    a = make("a", cluster_database)
    b = make("b", cluster_database, key=a.key)
    a.fill()
    assert a.run("cluster", "join").status == b.run("cluster", "join").status == 0
    for node in ("a", "b"):
        begin(cluster_database, node)
    with cluster_database.connection() as connection:
        connection.execute("UPDATE term SET ended = clock() WHERE node = 'a'")

    joined = a.file.read_text()
    ended = a.run("cluster", "leave")
    assert (ended.status, "stopped, and have not left it: b" in ended.err) == (2, True)
    assert a.file.read_text() == joined
    assert "Nothing was changed." in a.run("cluster", "leave", "--last", "--check").out
    assert a.run("cluster", "leave", "--last").status == 0
    assert a.stored().presences
    with cluster_database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM shard").fetchall() == [(0,)]
    left = b.run("cluster", "leave", "--json").json
    assert (left["is_last"], left["presences"]) == (True, 0)

    # It works alone now, and may join once more.
    assert a.run("cluster", "leave").status == 2
    a.file.write_text(f'{a.file.read_text()}\n[cluster]\ndatabase = "{a.url}"\nnode = "a"\n')
    ended = a.run("cluster", "leave")
    assert (ended.status, "has not joined" in ended.err) == (2, True)
    assert a.run("cluster", "join", "--json").json["is_first"] is True
    with cluster_database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM shard").fetchall() == [(8,)]
    assert {"engine.db.joined", "engine.db.joined-2"} <= names_in(a.state)


def test_a_cluster_whose_database_is_lost_goes_on_with_what_was_read_last(
    make: Make, cluster_database: PostgresDatabase, empty_database: PostgresDatabase
) -> None:
    a = make("a", cluster_database)
    a.fill()
    assert a.run("cluster", "join").status == 0
    assert a.run("config", "set", "presence.language=it").status == 0
    text = a.file.read_text()
    a.file.write_text(text.replace(cluster_database.name, empty_database.name))
    joined = a.run("cluster", "join", "--create", "--json").json
    assert (joined["is_first"], joined["versions"], joined["secrets"]) == (True, 1, ["pbx.password"])
    assert a.run("config", "get", "presence.language").out == '"it"\n'
    assert a.run("config", "history", "--json").json["versions"][0]["id"] == 3

    # Without the database, settings can be read.
    a.file.write_text(a.file.read_text().replace("host=/", "host=/nowhere/"))
    assert a.run("config", "get", "presence.language").out == '"it"\n'
    a.file.chmod(0o666)
    ended = a.run("config", "get", "presence.language")
    assert (ended.status, "directory of the settings file" in ended.err) == (2, True)
    a.file.chmod(0o600)
    a.file.write_text(a.file.read_text().replace("host=/nowhere/", "host=/"))

    # What was taken back is at work elsewhere.
    last_read = (a.state / "shared.toml").read_text()
    assert a.run("cluster", "leave").status == 0
    a.file.write_text(text.replace(cluster_database.name, empty_database.name))
    (a.state / "engine.db").unlink()
    (a.state / "shared.toml").write_text(last_read)
    assert a.run("cluster", "join", "--json").json["versions"] == 0


def test_who_may_not_make_roles_and_tables_is_told_who_may(make: Make, empty_database: PostgresDatabase) -> None:
    a = make("a", empty_database)
    a.fill()
    ended = a.run("cluster", "join", "--create", "--as", VIEW)
    assert (ended.status, "permission denied" in ended.err, "--sql" in ended.err) == (2, True, True)
    script = a.run("cluster", "join", "--sql").out
    with empty_database.connection() as connection:
        connection.execute(script)
        tables = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'calendar_engine'"
        assert connection.execute(tables).fetchall() == [(OWNER,)]
    assert a.run("cluster", "join", "--json").json["is_first"] is True
    assert a.run("cluster", "migrate", "--json").json["changed"] is False
    assert a.run("cluster", "migrate", "--sql").out == ""


def test_roles_are_made_with_the_password_that_is_stored(make: Make, empty_database: PostgresDatabase) -> None:
    login, administrator = (f"{name}_{uuid4().hex}" for name in ("engine", "administrator"))
    a = make("a", empty_database, role=login)
    a.fill()
    assert a.run("secret", "set", "cluster.password", typed="correct horse\n").status == 0
    ended = a.run("cluster", "join", "--create", "--as", WITH_PASSWORD, typed="wrong\n")
    assert (ended.status, "authentication failed" in ended.err) == (1, True)
    ended = a.run("cluster", "join", "--create", "--as", WITH_PASSWORD, typed=f"{PASSWORD}\n")
    assert (ended.status, "permission denied" in ended.err) == (2, True)
    with empty_database.connection() as connection:
        connection.execute(f"CREATE ROLE {administrator} LOGIN CREATEROLE")
        connection.execute(f"GRANT {ENGINE}, {OWNER} TO {administrator} WITH ADMIN OPTION")
        connection.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {administrator}")
        try:
            assert a.run("cluster", "join", "--create", "--as", administrator, "--json").json["is_first"] is True
            hashed = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (login,)).fetchone()
            assert hashed is not None
            assert hashed[0].startswith("SCRAM-SHA-256$")
        finally:
            connection.execute(f"REASSIGN OWNED BY {administrator} TO postgres; DROP OWNED BY {administrator}, {login}")
            connection.execute(f"DROP ROLE {login}, {administrator}")


def test_a_newer_version_adds_to_the_tables(
    make: Make, cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make("a", cluster_database)
    a.fill()
    assert a.run("cluster", "join").status == 0
    addition = "ALTER TABLE calendar_engine.term ADD COLUMN nickname text"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, addition))
    monkeypatch.setattr(migrations, "SCHEMA", migrations.SCHEMA + 1)
    ended = a.run("cluster", "leave")
    assert (ended.status, "calendar-engine cluster migrate" in ended.err) == (2, True)
    assert addition in a.run("cluster", "migrate", "--sql").out
    assert a.run("cluster", "migrate", "--json").json["changed"] is True
    assert a.run("cluster", "migrate", "--json").json["changed"] is False
    assert a.run("cluster", "leave").status == 0


def test_what_cannot_be_read_or_used_changes_nothing(make: Make, cluster_database: PostgresDatabase) -> None:
    a, b = make("a", cluster_database), make("b", cluster_database)
    a.fill()
    text = a.file.read_text()
    a.file.write_text(text.replace('host = "127.0.0.1"', "host = 5"))
    ended = a.run("cluster", "join")
    assert (ended.status, "pbx.host" in ended.err) == (2, True)
    a.file.write_text(text)
    a.file.chmod(0o666)
    ended = a.run("cluster", "join")
    assert (ended.status, "directory of the settings file" in ended.err) == (2, True)
    a.file.chmod(0o600)
    assert names_in(a.directory) == {"engine.toml", "state"}
    assert a.run("cluster", "join").status == 0
    ended = b.run("cluster", "join")
    assert (ended.status, "Copy secrets.key" in ended.err) == (2, True)
    assert "[exchange]\ntype" in b.file.read_text()


def test_a_role_with_a_password_is_not_made_without_one(empty_database: PostgresDatabase) -> None:
    """As seen from an engine on another machine."""
    engines = database_address("postgresql://unknown@db.example.com/calendar")
    assert engines.is_proved_by_password

    async def create() -> None:
        database = SharedDatabase(database_address(empty_database.conninfo("postgres")))
        try:
            await preparing.create(database, engines, shards=8, lease_seconds=5)
        finally:
            await database.close()

    with pytest.raises(SecretsMissing, match=r"cluster\.password"):
        asyncio.run(create())


@pytest.mark.parametrize("error", [ImportError("no pq wrapper available\n- c"), ModuleNotFoundError(name="psycopg")])
def test_a_client_that_is_not_installed_is_named(error: ImportError) -> None:
    with pytest.raises(DatabaseClientMissing), client_needed():
        raise error
    with pytest.raises(ImportError), client_needed():
        raise ModuleNotFoundError(name="engine.mistake")


def test_the_key_that_systemd_keeps_is_lent_to_the_command(
    make: Make, cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make("a", cluster_database)
    a.fill()
    (a.state / "secrets.key").rename(a.directory / CREDENTIAL)
    ended = a.run("cluster", "join")
    assert (ended.status, "CREDENTIALS_DIRECTORY" in ended.err) == (2, True)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(a.directory))
    assert a.run("cluster", "join", "--json").json["secrets"] == ["pbx.password"]
    assert a.run("cluster", "leave", "--json").json["secrets"] == ["pbx.password"]
    assert not (a.state / "secrets.key").exists()
