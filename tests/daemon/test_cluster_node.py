"""Two daemons as nodes of a cluster, over a real PostgreSQL, simulated PBX and Exchange."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from engine.api.client import ApiClient
from engine.api.resources.cluster import ClusterRequests
from engine.api.resources.engine import EngineRequests
from engine.api.resources.setup import SetupRequests
from engine.api.schema.setup import SetupBeginning
from engine.core.appointments import ShowAs
from engine.core.presence.model import CLEARED
from engine.daemon.daemon import Daemon, Dependencies, open_daemon
from engine.settings.local_keys import local_part, shared_part
from engine.settings.model import SiteSettings
from engine.simulator.company import Company, RoutedResolver
from engine.store.errors import SharedDatabaseFailure
from engine.store.moving import read_state
from engine.store.settings_history import Author
from engine.supervisor.supervisor import Supervisor
from engine.sync.clocks import SteadyClock
from engine.sync.events import Side
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.site import collect_cancelled_handshakes
from tests.sync.test_pbx_state_machine import new_world

if TYPE_CHECKING:  # with the client of PostgreSQL
    from engine.daemon.cluster_node import ClusterNode
    from tests.support.postgres import PostgresDatabase

pytestmark = [pytest.mark.process, pytest.mark.slow]

KEY = Fernet.generate_key()
ANNA = Author(1000, 1, "anna")


@dataclass
class Node:
    """A daemon, and the file of its machine."""

    name: str
    daemon: Daemon
    file: Path

    @property
    def service(self) -> Supervisor:
        return self.daemon.service

    @property
    def api(self) -> ApiClient:
        return ApiClient(self.file.with_suffix(".sock"))

    @property
    def requests(self) -> ClusterRequests:
        return ClusterRequests(self.api)

    @property
    def own(self) -> set[str]:
        """The users that this node works for."""
        return {*self.service.current.guids()}

    @property
    def node(self) -> "ClusterNode":
        assert self.daemon.installation.node is not None
        return self.daemon.installation.node

    @property
    def claims(self) -> int:
        """For how many shards it may write."""
        return len(self.node.membership.shards)


async def prepare(company: Company, database: "PostgresDatabase", now: datetime) -> None:
    """Make the settings and secrets of the company those of the cluster, of whose server everybody knows."""
    from engine.store.postgres.history import SharedHistory
    from engine.store.postgres.secrets import SharedSecrets
    from engine.store.secret_store import StoredSecret
    from tests.support.cluster import made_small, shared

    made_small(database)
    with database.connection() as connection:
        connection.execute("UPDATE calendar_engine.cluster SET settled = calendar_engine.incarnation()")
    async with shared(database) as opened:
        await SharedHistory(opened, "a").add(now, ANNA, "setup", (), shared_part(company.settings()), None)
        stored = {name: StoredSecret(value, now) for name, value in company.secrets.items()}
        vault = SharedSecrets(opened, lambda: (KEY,), asyncio.get_running_loop())
        await asyncio.to_thread(vault.change, lambda _: stored)


@asynccontextmanager
async def running(
    name: str, company: Company, database: "PostgresDatabase", directory: Path, clock: ManualClock, host: str = ""
) -> AsyncIterator[Node]:
    """Run a node; `host` is where it finds the database, if that is not the server itself."""
    state = directory / name
    state.mkdir(mode=0o700, exist_ok=True)
    (state / "secrets.key").write_bytes(KEY)
    (state / "secrets.key").chmod(0o600)
    file = directory / f"{name}.toml"
    url = f"postgresql://calendar_engine@/{database.name}?host={host or database.server.directory}"
    own = f'[cluster]\ndatabase = "{url}"\nnode = "{name}"\nlease_seconds = 5\n'
    file.write_text(own + local_part(company.settings()))
    dependencies = Dependencies(
        environment={},
        clock=clock,
        network_clock=SteadyClock(),
        observe=lambda _: None,
        resolver=RoutedResolver(company.routes),
    )
    try:
        async with open_daemon(file, None, dependencies, state) as daemon:
            node = daemon.installation.node
            assert node is not None
            async with serving(daemon, directory / f"{name}.sock"), asyncio.TaskGroup() as group:
                task = group.create_task(node.run())
                yield Node(name, daemon, file)
                task.cancel()
    finally:
        collect_cancelled_handshakes()


async def backed_up(node: Node) -> tuple[SiteSettings, set[str]]:
    """Return the settings that a backup made at a node holds, and whose presences."""
    source = node.daemon.installation.backup()
    text = await source.settings()
    assert text is not None
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(await source.store())
        return node.service.file.settings(text), {*read_state(connection).presences}


async def tells_of_both(node: Node, other: Node) -> None:
    """The users of the other node are seen at this one, with what it has stored for them."""
    rows, owners = node.daemon.api_state.rows, dict.fromkeys(node.own) | dict.fromkeys(other.own, other.name)
    await eventually(lambda: {row.guid: row.owner for row in rows.all()} == owners)
    await eventually(lambda: {row.activity for row in rows.all()} == {"busy"})
    state = (await node.requests.cluster()).state
    assert state is not None
    found = {each.name: (each.condition, each.own, each.users) for each in state.nodes}
    assert found == {each.name: ("working", each is node, len(each.own)) for each in (node, other)}
    assert (state.member, state.ownerless, state.database.state) == (True, 0, "up")


async def can_be_read_from_the_other(a: Node, b: Node, company: Company) -> None:
    """A user of one node is read again when the other is asked for it."""
    foreign = min(b.own)
    detail = await EngineRequests(a.api).user(foreign)
    assert (detail.owner, detail.acknowledged.presence and detail.acknowledged.presence.activity) == ("b", "busy")
    assert detail.decision is None

    def read() -> int:
        address = next(each.mailbox for each in company.world.people if each.guid == foreign)
        return sum(each.mailbox == address for each in company.exchange.ledger.records(operation="FindItem"))

    before = read()
    operation = await EngineRequests(a.api).begin_for("resync", foreign)
    assert (operation.state, operation.total, operation.passed_on) == ("done", 0, True)
    await eventually(lambda: read() > before)


async def is_seen_where_it_was_not_begun(a: Node, b: Node) -> None:
    """A set-up under way is the same at both nodes, and goes on at either."""
    setups = [SetupRequests(each.api) for each in (a, b)]
    await setups[0].begin(SetupBeginning())

    async def both_at(revision: int | None) -> bool:
        found = [await each.under_way() for each in setups]
        return all((None if each is None else each.revision) == revision for each in found)

    await eventually(lambda: both_at(1))
    await setups[1].take_over(SetupBeginning())
    await eventually(lambda: both_at(2))
    await setups[0].discard()
    await eventually(lambda: both_at(None))


async def test_two_nodes_share_the_users_and_one_takes_all_of_the_other(
    cluster_database: "PostgresDatabase", tmp_path: Path
) -> None:
    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    everybody = {each.guid for each in world.people}
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("meeting", "09:00-15:00", show_as=ShowAs.BUSY))
    async with Company(world, tmp_path, clock) as company:

        def shown(activity: str) -> bool:
            return all(company.pbx.calendar_presence(each.guid).activity == activity for each in world.people)

        await prepare(company, cluster_database, clock.now())
        async with running("a", company, cluster_database, tmp_path, clock) as a:
            await eventually(lambda: shown("busy"))
            assert a.own == everybody
            writes = len(company.pbx.ledger.writes)
            async with running("b", company, cluster_database, tmp_path, clock) as b:
                await eventually(lambda: b.own and a.own | b.own == everybody and not a.own & b.own)
                await a.service.change({"presence.language": "de"}, "*", ANNA)
                await eventually(lambda: b.service.settings and b.service.settings.presence.language == "de")
                settings, stored = await backed_up(b)
                assert stored == everybody
                assert settings.presence.language == "de"
                assert (settings.pbx, settings.cluster.database) == (b.service.settings.pbx, "")  # type: ignore[union-attr]
                await tells_of_both(a, b)
                await tells_of_both(b, a)
                await can_be_read_from_the_other(a, b, company)
                await is_seen_where_it_was_not_begun(a, b)
                await a.node.hand_over()
                await eventually(lambda: (a.own, b.own) == (set(), everybody))
                for person in world.people:
                    world.clear(person.mailbox or "")
                await eventually(lambda: shown(""))
                assert len(company.pbx.ledger.writes) <= writes + 2 * len(world.people)


async def test_without_the_database_calendars_are_read_and_nothing_is_written(
    cluster_database: "PostgresDatabase", tmp_path: Path
) -> None:
    from tests.support.database_proxy import DatabaseProxy

    world = new_world()
    clock = ManualClock(world.instant("09:20"))
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("meeting", "09:00-15:00", show_as=ShowAs.BUSY))
    proxy = DatabaseProxy(cluster_database.server.directory)
    (tmp_path / "proxy").mkdir()
    async with Company(world, tmp_path, clock) as company, proxy.running(tmp_path / "proxy") as host:

        def shown(activity: str) -> bool:
            return all(company.pbx.calendar_presence(each.guid).activity == activity for each in world.people)

        def decided(node: Node) -> bool:
            users = [node.service.current.summary(guid) for guid in node.own]
            return len(users) == len(world.people) and all(each and each.desired == CLEARED for each in users)

        await prepare(company, cluster_database, clock.now())
        async with running("a", company, cluster_database, tmp_path, clock, host) as a:
            await eventually(lambda: shown("busy"))
            proxy.refuse()
            await eventually(lambda: not a.claims)
            writes = len(company.pbx.ledger.writes)
            for person in world.people:
                world.clear(person.mailbox or "")
            await eventually(lambda: decided(a))
            await eventually(lambda: "database-away" in [each.failure.slug for each in a.node.access.problems()])
            status = a.daemon.api_state.status()
            told = [each.trouble.type for each in status.concerns if each.trouble.type.startswith("database")]
            assert told == ["database-away"], "whoever needs it says so, and people are told once"
            assert status.cluster is not None
            assert (status.cluster.database.state, status.cluster.database.since is None) == ("away", False)
            with pytest.raises(SharedDatabaseFailure):
                await a.service.change({"presence.language": "de"}, "*", ANNA)
            assert len(company.pbx.ledger.writes) == writes
        async with running("a", company, cluster_database, tmp_path, clock, host) as a:  # begun without the database
            # No log-in that is not proved is tried, because others may try the same.
            await eventually(lambda: "waits for the other engines" in str(a.service.current.link(Side.PBX).failure))
            assert len(company.pbx.ledger.writes) == writes
            proxy.mend()
            await eventually(lambda: shown(""))
