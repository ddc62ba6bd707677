"""This process as a node of a cluster: the shared database, its membership, and what it hears from the others."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from random import Random
from uuid import uuid4

from engine.cluster.membership import Membership
from engine.cluster.model import Member, Report
from engine.cluster.overview import HALTED
from engine.cluster.requests import RESUME, ReadingRequest, reading_request
from engine.core.backoff import Backoff, doubling
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.daemon.cluster_backup import ClusterBackup
from engine.daemon.shard_holder import ShardHolder
from engine.daemon.stores import Stores
from engine.server.cluster import ClusterAccess
from engine.server.handlers.backup import OwnBackup
from engine.settings.model import ClusterSettings
from engine.store.cluster_secrets import ClusterSecrets
from engine.store.errors import SharedDatabaseFailure, StoreFailure
from engine.store.postgres.address import database_address
from engine.store.postgres.audit import SharedAudit
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.history import SharedHistory
from engine.store.postgres.leases import Leases
from engine.store.postgres.logins import SharedLogIns
from engine.store.postgres.migrations import SCHEMA, check_schema
from engine.store.postgres.notices import Notices
from engine.store.postgres.presences import SUSPECT, SharedPresences
from engine.store.postgres.secrets import SharedSecrets
from engine.store.postgres.setup_state import SharedSetup
from engine.store.postgres.tenants import SharedTenants
from engine.store.postgres.terms import Terms
from engine.store.secret_store import SecretStore, name_of
from engine.supervisor.settings_file import SettingsFile
from engine.supervisor.shared_settings import SharedSettings
from engine.supervisor.supervisor import Supervisor
from engine.sync.events import EXCHANGES, ServiceChanged, Side
from engine.sync.halts import Halts
from engine.sync.share import Sharing

LAST_READ = "shared.toml"
"""The shared settings as they were read last, in the state directory."""

SHORTEST_LEASE = 5
"""Seconds; counted with until the database says how long a lease is."""

PAUSES = doubling(timedelta(seconds=1), timedelta(seconds=30))
"""Pauses before the database is asked again whether this version can work with it."""

LEAVE_WITHIN = timedelta(seconds=10)
"""How long handing over all users may take at the end; whoever takes them without that waits for a lease."""


def node_name(settings: ClusterSettings) -> str:
    """Return the name of this engine among the others: as set, else that of the machine."""
    return settings.node or re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63]


class ClusterNode:
    """Run it with `run`, while the supervisor runs; `hand_over` before that ends.

    `password` is that of the database's role. Raises `DatabaseAddressUnusable`.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        password: Secret,
        local: SecretStore,
        file: SettingsFile,
        state: Path,
        *,
        network_clock: Clock,
        random: Random,
    ) -> None:
        self.name = node_name(settings)
        self._network_clock = network_clock
        self._file = file
        self._random = random
        self._database = SharedDatabase(database_address(settings.database, password, node=self.name))
        self._leases = Leases(self._database, network_clock)
        self._holder = ShardHolder(network_clock, lambda: self._lease)
        keys = local.keys()
        member = Member(
            self.name, settings.role.value, version("calendar-tui"), SCHEMA, tuple(name_of(key) for key in keys)
        )
        self.membership = Membership(self._leases, member, self._holder, self._report, clock=network_clock)
        self._presences = SharedPresences(self._database, lambda: self.membership.term)
        self._settings = SharedSettings(
            file,
            state / LAST_READ,
            SharedHistory(self._database, self.name),
            lambda: self.membership.term,
            network_clock=network_clock,
        )
        self.stores = Stores(
            settings=self._settings,
            presences=self._presences,
            log_ins=SharedLogIns(self._database, str(uuid4()), network_clock),
            audit=SharedAudit(self._database, self.name),
            tenants=SharedTenants(self._database),
            setup=SharedSetup(self._database, self.name),
        )
        self.secrets = ClusterSecrets(local, SharedSecrets(self._database, local.keys, asyncio.get_running_loop()))
        self._service: Supervisor | None = None
        self._loads: list[tuple[str, asyncio.Event, Callable[[], Awaitable[None]]]] = []
        self._unfit: Failure | None = None
        self._halts = Halts()
        self.access = ClusterAccess(self, self.membership, Terms(self._database))

    @property
    def sharing(self) -> Sharing:
        """How an engine shares its users with others."""
        return Sharing(self.membership, self._presences, self._lease / 10, self._halts)

    @property
    def _lease(self) -> timedelta:
        """How long a lease is, as the database says."""
        found = self.membership.state
        return timedelta(seconds=SHORTEST_LEASE if found is None else found.lease_seconds)

    @property
    def unfit(self) -> Failure | None:
        """Why this process cannot be a member of the cluster."""
        return self._unfit

    @property
    def halted(self) -> Failure | None:
        """Why some of this node's users are not written."""
        return self._halts.problem

    def resume(self) -> None:
        """Write all users of this node again."""
        self._halts.end()
        self._holder.resume()
        if self._service is not None:
            self._service.current.report(ServiceChanged())

    def backup(self, own: OwnBackup) -> ClusterBackup:
        """Return what a backup holds that is made at this node, which has `own` files."""
        return ClusterBackup(self._database, self._file, self._settings, own)

    def serve(self, service: Supervisor) -> None:
        """Work for whatever engine the supervisor runs."""
        self._service = service
        self._holder.follow(service.current)

    def keep_loaded(self, what: str, load: Callable[[], Awaitable[None]]) -> None:
        """Call `load` whenever other engines may have changed what a notice calls `what`; before `run`."""
        self._loads.append((what, asyncio.Event(), load))

    async def run(self) -> None:
        """Be a node until cancelled."""
        await self._until_fit()
        async with asyncio.TaskGroup() as group:
            notices = Notices(self._database, self._network_clock, self._random, self._hear)
            loads = (self._load(due, load) for _, due, load in self._loads)
            for part in (*loads, notices.run(), self.membership.run()):
                group.create_task(part)

    async def hand_over(self) -> None:
        """Give all users to the other nodes, as far as that is possible in time; `run` has to run."""
        if self._unfit is None and self.membership.away is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_WITHIN.total_seconds()):
                    await self.membership.leave()

    async def close(self) -> None:
        """Close all connections to the database."""
        await self._leases.close()
        await self._database.close()

    async def _until_fit(self) -> None:
        """Return when this version can work with the schema of the database."""
        backoff = Backoff(self._random)
        while True:
            try:
                await self._database.run(check_schema)
            except SharedDatabaseFailure as failure:
                self._unfit = failure
                await self._network_clock.sleep_until(self._network_clock.now() + backoff.next(PAUSES))
            else:
                self._unfit = None
                return

    def _hear(self, what: str) -> None:
        """Process a notice; "" comes after a connect, before which some may have been missed."""
        self.membership.wake()
        if what in ("", "settings", "secrets") and self._service is not None:
            self._service.wake()
        for name, due, _ in self._loads:
            if what in ("", name):
                due.set()
        if (request := reading_request(what)) is not None and request.node != self.name:
            self._read(request)
        if what == f"{RESUME}{self.name}":
            self.resume()
        if what.startswith(SUSPECT):
            self._holder.doubt(what.removeprefix(SUSPECT))

    def _read(self, request: ReadingRequest) -> None:
        """Read the calendars that another node asks for, as far as they are those of this node's users."""
        if self._service is None:
            return
        current = self._service.current
        visit = current.resync if request.kind == "resync" else current.reresolve
        for guid in current.guids() if request.guids is None else {*current.guids()}.intersection(request.guids):
            visit(guid)

    async def _load(self, due: asyncio.Event, load: Callable[[], Awaitable[None]]) -> None:
        while True:
            await due.wait()
            due.clear()
            with suppress(StoreFailure):  # there is another notice once the database is back
                await load()

    def _report(self) -> Report:
        service = self._service
        if service is None:
            return Report(able=False)
        current = service.current
        is_open = any(current.link(each).works or current.link(each).failure is None for each in EXCHANGES)
        is_able = service.file_trouble is None and current.link(Side.PBX).works and is_open
        return Report(able=is_able, settings=self._settings.enforced, figures={HALTED: len(self._halts)})
