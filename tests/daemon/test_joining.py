"""An engine that joins a cluster, and leaves it again, goes on as if nothing had happened: nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomlkit

from engine.core.appointments import ShowAs
from engine.daemon.daemon import Daemon, Dependencies, open_daemon
from engine.simulator.company import Company, RoutedResolver
from engine.store.settings_history import Author
from engine.supervisor.settings_file import SettingsFile
from engine.sync.clocks import SteadyClock
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.site import collect_cancelled_handshakes
from tests.sync.test_pbx_state_machine import new_world

if TYPE_CHECKING:  # with the client of PostgreSQL
    from tests.support.postgres import PostgresDatabase

pytestmark = [pytest.mark.process, pytest.mark.slow]

ANNA = Author(1000, 1, "anna")


@asynccontextmanager
async def running(company: Company, file: Path, clock: ManualClock) -> AsyncIterator[Daemon]:
    """Run the engine of a settings file, alone or as a node."""
    dependencies = Dependencies(
        environment={},
        clock=clock,
        network_clock=SteadyClock(),
        observe=lambda _: None,
        resolver=RoutedResolver(company.routes),
    )
    try:
        async with (
            open_daemon(file, None, dependencies) as daemon,
            serving(daemon, file.with_suffix(".sock")),
            asyncio.TaskGroup() as group,
        ):
            node = daemon.installation.node
            task = group.create_task(asyncio.Event().wait() if node is None else node.run())
            yield daemon
            if node is not None:
                await node.hand_over()
            task.cancel()
    finally:
        collect_cancelled_handshakes()


async def test_nothing_is_sent_twice_by_an_engine_that_joins_and_leaves(
    cluster_database: "PostgresDatabase", tmp_path: Path
) -> None:
    from engine.daemon.join import join
    from engine.daemon.leave import leave
    from engine.daemon.stopped_node import stopped_node
    from tests.support.cluster import made_small

    made_small(cluster_database)
    with cluster_database.connection() as connection:
        connection.execute("UPDATE calendar_engine.cluster SET settled = calendar_engine.incarnation()")
    world = new_world()
    clock = ManualClock(world.instant("09:20"))

    def meet(subject: str) -> None:
        for person in world.people:
            world.clear(person.mailbox or "")
            world.put(person.mailbox or "", world.appointment(subject, "09:00-15:00", show_as=ShowAs[subject]))

    async with Company(world, tmp_path, clock) as company:
        writes = company.pbx.ledger.writes

        def sent(times: int) -> bool:
            """Return whether that many presences were sent for everybody."""
            return len(writes) >= times * len(world.people)

        def is_content(daemon: Daemon) -> bool:
            """Return whether the PBX is known to show for everybody what it should."""
            users = [daemon.service.current.summary(each.guid) for each in world.people]
            return all(each is not None and each.desired and each.shown == each.desired for each in users)

        file = tmp_path / "a.toml"
        file.write_text(company.settings(engine={"state_dir": str(tmp_path / "a")}))
        meet("BUSY")
        async with running(company, file, clock) as daemon:
            await daemon.installation.sources.put(company.secrets)
            await daemon.service.start_again()
            await eventually(lambda: sent(1))

        url = f"postgresql://calendar_engine@/{cluster_database.name}?host={cluster_database.server.directory}"
        file.write_text(file.read_text() + tomlkit.dumps({"cluster": {"database": url, "node": "a"}}))
        async with stopped_node(SettingsFile(file), None, {}) as node:
            assert (await join(node, ANNA, datetime.now(UTC), only_check=False)).presences == len(world.people)
        async with running(company, file, clock) as daemon:
            assert daemon.installation.node is not None
            await eventually(lambda: is_content(daemon))
            meet("OOF")
            await eventually(lambda: sent(2))

        async with stopped_node(SettingsFile(file), None, {}) as node:
            left = await leave(node, ANNA, SteadyClock(), is_last=False, only_check=False)
            assert (left.is_last, left.presences) == (True, len(world.people))
        async with running(company, file, clock) as daemon:
            assert daemon.installation.node is None
            await eventually(lambda: is_content(daemon))
            meet("TENTATIVE")
            await eventually(lambda: sent(3))
        assert len(writes) == 3 * len(world.people)
