"""Two engines share their settings over a real PostgreSQL: what is changed at one of them is in force at both.

Their pauses pass when a test says so: what happens without, a notice of the database has told.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from psycopg import sql

from engine.api.schema import Actor, AuditEntry
from engine.core.secret import Secret
from engine.server.event_log import Events
from engine.server.handlers.settings import refused
from engine.server.state import Audit
from engine.settings.editor import SettingValue
from engine.settings.forms import differences
from engine.settings.model import ClusterSettings, EngineSettings, SiteSettings
from engine.settings.problems import SettingsInvalid
from engine.store.audit import AuditRecord
from engine.store.cluster_secrets import ClusterSecrets
from engine.store.database import Database
from engine.store.errors import DatabaseAway
from engine.store.postgres.notices import Notices
from engine.store.presence import AcknowledgedPresences
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.secrets import Secrets
from engine.store.settings_history import Author, Version
from engine.supervisor.errors import NothingToConfirm, SettingsStale
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.settings_file import SettingsFile
from engine.supervisor.shared_settings import PAUSE, SharedSettings
from engine.supervisor.source import AuditedAs
from engine.supervisor.supervisor import LOOK, Supervisor
from engine.sync.reconciler import Engine
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.postgres import PostgresDatabase
from tests.support.served_engine import InstantSource, Workshop, people
from tests.support.storage import KEY, PostgresStorage

pytestmark = pytest.mark.slow

URL = "postgresql:///calendar?host=/run"
ANNA = Author(1000, 4711, "anna")
SHARED = """\
[pbx]
master = "m"
host = "localhost"
[exchange]
type = "on-premises"
user = "svc@corp.example"
"""
PASSWORDS = {"exchange.password": Secret("one"), "pbx.password": Secret("two")}


@dataclass
class Node:
    """An engine of the cluster: a supervisor with all that it needs, whose looks are made by `look`."""

    name: str
    directory: Path
    storage: PostgresStorage
    service: Supervisor
    source: SharedSettings
    sources: SecretSources
    clock: ManualClock
    secrets: list[Secrets] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.service.file.path

    @property
    def language(self) -> str:
        assert self.service.settings is not None
        return self.service.settings.presence.language

    @property
    def concerns(self) -> list[str]:
        return [each.slug for each in self.service.concerns()]

    async def look(self) -> None:
        await self.clock.advance(LOOK.total_seconds())

    async def change(
        self,
        changes: Mapping[str, SettingValue | None],
        tag: str = "*",
        within: float | None = None,
        followers: Iterable["Node"] = (),
    ) -> ApplyPlan:
        """Make a change, which these engines follow in time."""
        audited_as = AuditedAs("change_settings", ", ".join(changes))
        return await self.answered(self.service.change(changes, tag, ANNA, within, audited_as), followers)

    async def answered(self, change: Coroutine[Any, Any, ApplyPlan], followers: Iterable["Node"] = ()) -> ApplyPlan:
        """Let the pauses pass in which the others may follow a change, once those have that are to."""
        names, before, history = {each.name for each in followers}, self.source.enforced, self.storage.history()

        async def has_been_followed() -> bool:
            made = self.source.enforced
            return task.done() or (made > before and not names & set(await history.behind(made)))

        task = asyncio.get_running_loop().create_task(change)
        await eventually(has_been_followed)
        await eventually(task.done, between=lambda: self.clock.advance(PAUSE.total_seconds()))
        return await task


async def all_look(*nodes: Node) -> None:
    await asyncio.gather(*(each.look() for each in nodes))


def prepared(name: str, directory: Path) -> SettingsFile:
    """Make what a machine has of its own, if this is its first start."""
    directory.mkdir(mode=0o700, exist_ok=True)
    file = SettingsFile(directory / "calendar-engine.toml")
    if not file.path.exists():
        file.path.write_text(f'[cluster]\ndatabase = "{URL}"\nnode = "{name}"\n')
    (directory / "secrets.key").write_bytes(KEY)
    return file


@asynccontextmanager
async def running(
    name: str, directory: Path, cluster: PostgresDatabase, before: Callable[[], None] = lambda: None
) -> AsyncIterator[Node]:
    """Run an engine of the cluster: everything but membership and presences. `before` is called before it begins."""
    file = prepared(name, directory)
    local = SecretStore(directory, None)
    storage = PostgresStorage(cluster, name, local.keys())
    clock, database = ManualClock(), Database(directory)
    await database.open()
    workshop, store = Workshop(InstantSource(), people(1), clock), AcknowledgedPresences(database)
    vault = ClusterSecrets(local, storage.secrets())
    sources = SecretSources({}, None, vault, clock.now, settings_file=file.path)
    source = SharedSettings(
        file, directory / "shared.toml", storage.history(), lambda: storage.term, network_clock=clock
    )

    def assemble(settings: SiteSettings, secrets: Secrets) -> Engine:
        node.secrets.append(secrets)
        return workshop.assemble(settings, store)

    service = Supervisor(
        file,
        source,
        sources.secrets,
        assemble,
        network_clock=clock,
        started_with=EngineSettings(),
        cluster=ClusterSettings(database=URL, node=name),
    )
    node = Node(name, directory, storage, service, source, sources, clock)
    before()
    await service.begin()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(service.run())
            yield node
            task.cancel()
    finally:
        await storage.close()
        await database.close()


@asynccontextmanager
async def told(*nodes: Node) -> AsyncIterator[None]:
    """Let these engines hear the notices of the database."""

    connected: set[str] = set()

    def notices(node: Node) -> Notices:
        def happened(_: str) -> None:
            connected.add(node.name)
            node.service.wake()

        return Notices(node.storage.database, ManualClock(), Random(1), happened)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(notices(node).run()) for node in nodes]
        await eventually(lambda: len(connected) == len(nodes))
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def two(tmp_path: Path, cluster: PostgresDatabase) -> AsyncIterator[tuple[Node, Node]]:
    """Two engines that are set up and hear of each other."""
    async with (
        running("a", tmp_path / "a", cluster) as a,
        running("b", tmp_path / "b", cluster) as b,
        told(a, b),
    ):
        assert a.concerns == b.concerns == ["settings-missing"]
        await a.sources.put(PASSWORDS)
        await b.change({each.key: each.after for each in differences("", SHARED)})
        await eventually(lambda: a.service.current.engine is not None)
        yield a, b


def database_says(cluster: PostgresDatabase, time: datetime) -> None:
    """Set the clock that changes have to be confirmed by."""
    with cluster.connection() as administrator:
        administrator.execute(
            f"CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql AS $$SELECT '{time}'::timestamptz$$"
        )


@contextmanager
def away(cluster: PostgresDatabase) -> Iterator[None]:
    """Let nobody use the database for as long as the context lasts."""
    name = sql.Identifier(cluster.name)
    with cluster.server.connection() as administrator:
        administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (cluster.name,)
        )
        yield
        administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


async def test_a_change_at_one_engine_is_in_force_at_the_other(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    async with two(tmp_path, cluster_database) as (a, b):
        assert a.service.text != b.service.text
        assert a.service.tag == b.service.tag
        started = len(a.secrets), len(b.secrets)
        before, tag = a.service.versions[0], b.service.tag
        done = await a.change({"presence.language": "de"}, tag, followers=[b])
        assert (a.language, b.language, done.behind, done.is_audited) == ("de", "de", (), True)
        assert (len(a.secrets), len(b.secrets)) == started  # neither began anew for it
        newest = b.service.versions[0]
        assert (newest.node, newest.author, newest.differences) == ("a", ANNA, done.differences)
        [*_, record] = await b.storage.audit().load()
        assert (record.node, record.action, record.subject) == ("a", "change_settings", "presence.language")
        copies = [(each.directory / "shared.toml").read_text() for each in (a, b)]
        assert copies[0] == copies[1]
        assert copies[0].endswith(f"\n{newest.text}")

        audit = Audit(Events(boot="boot"), b.storage.audit())
        await audit.load()
        await a.storage.audit().add([AuditRecord(record.at, ANNA, "set_secret", "pbx.password")])
        audit.add(AuditEntry(at=record.at, actor=Actor(uid=0, pid=1), action="resync", subject="everybody"))
        await audit.refresh()
        assert [(each.action, each.node) for each in audit.entries()] == [
            ("resync", ""),
            ("set_secret", "a"),
            ("change_settings", "a"),
            ("change_settings", "b"),
        ]

        # Whoever looked at them before changes nothing, and of two changes at once only one is made.
        with pytest.raises(SettingsStale, match="ETag"):
            await b.change({"presence.language": "fr"}, tag)
        tag = a.service.tag
        both = [each.change({"presence.language": word}, tag) for each, word in ((a, "fr"), (b, "it"))]
        results = await asyncio.gather(*both, return_exceptions=True)
        assert [type(each) for each in results if isinstance(each, Exception)] == [SettingsStale]
        await eventually(lambda: a.language == b.language in ("fr", "it"))

        # Going back is a change like any other.
        await b.answered(b.service.roll_back(before.id, ANNA))
        await eventually(lambda: a.language == "en")
        assert [each.returns_to for each in a.service.versions] == [before.id, None, None, None]


async def test_a_secret_that_is_changed_at_one_engine_is_in_force_at_the_other(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    async with two(tmp_path, cluster_database) as (a, b):
        await b.sources.put({"exchange.password": Secret("changed")})
        await eventually(lambda: a.secrets[-1].exchange_password.reveal() == "changed")
        await eventually(lambda: b.secrets[-1].exchange_password.reveal() == "changed")
        started = len(a.secrets)
        await b.sources.put({"exchange.client_secret": Secret("not needed on premises")})
        await eventually(lambda: a.source.secrets == 3, between=a.look)
        await b.sources.put({"pbx.password": Secret("changed, too")})
        await eventually(lambda: a.secrets[-1].pbx_password.reveal() == "changed, too")
        assert len(a.secrets) == started + 1


async def test_either_engine_confirms_and_one_that_does_not_follow_is_named(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    def audited_as(version: Version) -> AuditedAs:
        return AuditedAs("confirm_settings", f"version {version.id}")

    async with two(tmp_path, cluster_database) as (a, b), running("c", tmp_path / "c", cluster_database) as deaf:
        done = await a.change({"presence.language": "de"}, within=60, followers=[b])
        assert (done.behind, deaf.language) == (("c",), "en")
        assert "change-not-confirmed" in b.concerns
        version = await deaf.service.confirm(ANNA, audited_as)
        assert (version.node, deaf.language) == ("a", "de")
        await eventually(lambda: "change-not-confirmed" not in a.concerns)
        with pytest.raises(NothingToConfirm):
            await b.service.confirm(ANNA, audited_as)
        [*_, record] = await a.storage.audit().load()
        assert (record.node, record.action, record.subject) == ("c", "confirm_settings", f"version {version.id}")


async def test_what_nobody_confirms_is_taken_back_once_also_when_its_author_is_gone(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    begun = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    database_says(cluster_database, begun)
    async with two(tmp_path, cluster_database) as (a, b):
        await a.change({"presence.language": "de"}, within=60, followers=[b])
        await all_look(a, b)
        assert (a.language, b.language) == ("de", "de")
        database_says(cluster_database, begun + timedelta(seconds=60))
        await eventually(lambda: a.language == b.language == "en", between=lambda: all_look(a, b))
        await all_look(a, b)
        assert len(a.service.versions) == len(b.service.versions) == 3
        await a.change({"presence.language": "fr"}, within=60, followers=[b])
    database_says(cluster_database, begun + timedelta(hours=1))
    async with running("b", tmp_path / "b", cluster_database) as b:
        assert b.language == "fr"
        await eventually(lambda: b.language == "en", between=b.look)
        newest, *_ = b.service.versions
        assert (newest.author, newest.node, len(b.service.versions)) == (None, "b", 5)


async def test_without_the_database_the_last_settings_are_in_force_and_nothing_is_changed(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    async with two(tmp_path, cluster_database) as (a, _):
        await a.change({"presence.language": "de"})
        with away(cluster_database):
            await eventually(lambda: a.concerns == ["database-away"], between=a.look)
            with pytest.raises(DatabaseAway) as away_at_a_change:
                await a.service.change({"presence.language": "fr"}, "*", ANNA)
            assert refused(away_at_a_change.value).problem.status == 503
            assert a.language == "de"
        await eventually(lambda: a.concerns == [], between=a.look)
    with ExitStack() as gone:
        begin = lambda: gone.enter_context(away(cluster_database))  # noqa: E731
        async with running("a", tmp_path / "a", cluster_database, begin) as a:
            assert (a.language, a.secrets[-1].pbx_password.reveal()) == ("de", "two")
            await eventually(lambda: a.service.current.engine is not None)
            with pytest.raises(DatabaseAway):
                await a.service.change({"presence.language": "fr"}, "*", ANNA)
            gone.close()
            await eventually(lambda: a.concerns == [], between=a.look)
            await a.change({"presence.language": "fr"})
            assert a.language == "fr"


async def test_each_file_has_the_keys_of_its_machine_and_no_other(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    async with two(tmp_path, cluster_database) as (a, b):
        with pytest.raises(SettingsInvalid, match=re.escape(f"Set it in {a.file}")):
            await a.change({"engine.metrics_port": 9464, "presence.language": "de"})
        own = a.file.read_text()
        a.file.write_text(f"{own}[engine]\nmetrics_port = 9464\n")
        await eventually(lambda: a.concerns == ["effect-at-next-start"], between=a.look)
        assert b.service.settings is not None
        assert b.service.settings.engine.metrics_port is None

        a.file.write_text(f'{own}[presence]\nlanguage = "de"\n')
        await eventually(lambda: "edit-not-in-force" in a.concerns, between=a.look)
        assert "calendar-engine config set presence.language" in str(a.service.file_trouble)
        done = await b.change({"presence.language": "fr"})
        assert (a.language, done.behind) == ("en", ("a",))
        a.file.write_text(own)
        await eventually(lambda: (a.language, a.concerns) == ("fr", []), between=a.look)
        assert len(b.service.versions) == 2


async def test_settings_that_the_database_has_lost_are_kept_aside_until_somebody_confirms(
    tmp_path: Path, cluster_database: PostgresDatabase
) -> None:
    def audited_as(version: Version) -> AuditedAs:
        return AuditedAs("confirm_settings", f"version {version.id}")

    async with two(tmp_path, cluster_database) as (a, b):
        await a.change({"presence.language": "de"}, followers=[b])
        with cluster_database.connection() as administrator:  # as a restored backup
            administrator.execute("DELETE FROM settings_version WHERE id = (SELECT settings FROM cluster)")
            administrator.execute("UPDATE cluster SET settings = (SELECT max(id) FROM settings_version)")
            administrator.execute("ALTER TABLE settings_version ALTER id RESTART WITH 2")
        await eventually(lambda: a.concerns == b.concerns == ["settings-went-back"], between=lambda: all_look(a, b))
        await eventually(lambda: a.language == b.language == "en")
        assert 'language = "de"' in (a.directory / "shared.toml.newer").read_text()
        await a.service.confirm(ANNA, audited_as)
        assert (a.concerns, b.concerns) == ([], ["settings-went-back"])
        with pytest.raises(NothingToConfirm):
            await a.service.confirm(ANNA, audited_as)
    # Whoever was away meanwhile finds another version under the same number.
    async with running("a", tmp_path / "a", cluster_database) as a, running("b", tmp_path / "b", cluster_database) as b:
        assert (a.concerns, b.concerns) == ([], ["settings-went-back"])
        (a.directory / "shared.toml").write_text("# Version 1 of the settings\nanother text\n")
        await a.service.reread()
        assert a.concerns == ["settings-went-back"]
