"""Life cycle of the daemon: state directory, services, and the run until a signal."""

import asyncio
import functools
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from engine.api.paths import socket_path
from engine.checks.factory import CheckFactory
from engine.checks.put_back import UnfinishedTest
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.resolver import Resolver
from engine.core.secret import Secret
from engine.daemon.build import assemble, make_check_factory, state_directory
from engine.daemon.debug_log import DebugLog
from engine.daemon.log_messages import log, log_settings
from engine.daemon.put_back_later import PutBackLater
from engine.daemon.restore import finish_restore
from engine.daemon.service_manager import ServiceManager
from engine.daemon.signals import on_hangup, until_signalled
from engine.daemon.stores import Stores, own_stores
from engine.documents.status import status_line
from engine.logins.breaker import LogIns
from engine.server.app import ApiServer, MetricsServer
from engine.server.handlers.access import AccessRoutes
from engine.server.handlers.backup import BackupRoutes, BackupSource, OwnBackup
from engine.server.handlers.checks import CheckRoutes
from engine.server.handlers.cloud import CloudRoutes
from engine.server.handlers.cluster import ClusterRoutes
from engine.server.handlers.live import LiveRoutes
from engine.server.handlers.live_preview import LivePreviewRoutes
from engine.server.handlers.logins import LogInRoutes
from engine.server.handlers.notes import NotesRoutes
from engine.server.handlers.presence_test import PresenceTestRoutes
from engine.server.handlers.preview import PreviewRoutes
from engine.server.handlers.secrets import SecretRoutes
from engine.server.handlers.settings import SettingsRoutes
from engine.server.handlers.setup import SetupRoutes, SetupTests
from engine.server.http import Routes
from engine.server.setup_checks import SetupCheckRunner
from engine.server.setup_state import SetupAccount
from engine.server.sockets import open_sockets
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import ClusterSettings, EngineSettings, SiteSettings
from engine.setup.checks import SetupChecks
from engine.setup.guesses import guessed_zone
from engine.setup.session import SetupSession
from engine.store.database import Database
from engine.store.errors import SharedDatabaseFailure, StoreDamaged, StoreForeign
from engine.store.postgres_client import client_needed
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.secrets import Secrets, taken_environment
from engine.store.tenants import KnownTenants
from engine.supervisor.plan import Assemble
from engine.supervisor.settings_file import SettingsFile, system_zone
from engine.supervisor.supervisor import Supervisor
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.events import Event, Observer, ServiceChanged
from engine.sync.reconciler import Engine

if TYPE_CHECKING:
    from engine.daemon.cluster_node import ClusterNode

logger = logging.getLogger(__name__)

PRESENCE_TEST = "presence-test.json"


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings file, `state` directory and secrets; `given` and `cluster` are in effect until the next start.

    `stores` are the engine's own, or those that it shares as a `node` of a cluster. `debug_log` has to be opened for as
    long as the daemon runs; `unfinished` is a presence test that is not over.
    """

    file: SettingsFile
    given: EngineSettings
    cluster: ClusterSettings
    state: Path
    database: Database
    stores: Stores
    node: "ClusterNode | None"
    sources: SecretSources
    debug_log: DebugLog
    tenants: KnownTenants
    unfinished: UnfinishedTest

    def concerns(self) -> tuple[Failure, ...]:
        """Return the problems of what is kept here."""
        own = self.database.aside or self.unfinished.concern()
        return () if own is None else (own,)

    def backup(self) -> BackupSource:
        """Return what a backup holds."""
        own = OwnBackup(self.file, self.database, self.state)
        return own if self.node is None else self.node.backup(own)


@dataclass(frozen=True, slots=True)
class Daemon:
    """A supervisor with its settings loaded, and the groups of routes of its API."""

    installation: Installation
    service: Supervisor
    api_state: ApiState
    parts: Sequence[Routes]
    put_back_later: PutBackLater


@asynccontextmanager
async def open_installation(
    settings_file: Path,
    secrets_file: Path | None,
    environment: Mapping[str, str],
    clock: Clock,
    state_dir: Path | None = None,
    network_clock: Clock | None = None,
) -> AsyncIterator[Installation]:
    """Lock and open the state directory during the context. `state_dir` overrides its path; `clock` is calendar time.

    Raises a `StoreFailure`, for instance `AlreadyRunning` if another engine uses it.
    """
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    state = state_dir or state_directory(given)
    if await asyncio.to_thread(finish_restore, state, file):
        logger.warning("restoring a backup, which was interrupted, is finished")
        given = file.engine_settings()
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    secret_store = SecretStore(state, Path(credentials) if credentials else None)
    database, node = Database(state), None
    cluster = file.cluster_settings()
    make_sources = functools.partial(
        SecretSources, environment, secrets_file, now=clock.now, settings_file=settings_file
    )
    try:
        await _opened(database)
        await asyncio.to_thread(file.sweep)
        await asyncio.to_thread(_move_to_credential, secret_store)
        sources, stores = make_sources(secret_store), own_stores(file, database, state, clock)
        if cluster.database:
            password = await sources.database_password()
            node = _cluster_node(cluster, password, secret_store, file, state, network_clock or SteadyClock())
            sources, stores = make_sources(node.secrets), node.stores
        tenants = KnownTenants(stores.tenants)
        with suppress(SharedDatabaseFailure):  # loaded once the database can be reached
            await tenants.load()
        unfinished = await asyncio.to_thread(UnfinishedTest, state / PRESENCE_TEST)
        yield Installation(
            file, given, cluster, state, database, stores, node, sources, DebugLog(state, clock), tenants, unfinished
        )
    finally:
        if node is not None:
            await node.close()
        await database.close()


def _cluster_node(
    cluster: ClusterSettings,
    password: Secret,
    local: SecretStore,
    file: SettingsFile,
    state: Path,
    network_clock: Clock,
) -> "ClusterNode":
    """Return this process as a node of the cluster. Raises `DatabaseAddressUnusable` or `DatabaseClientMissing`."""
    with client_needed():
        from engine.daemon.cluster_node import ClusterNode

    return ClusterNode(cluster, password, local, file, state, network_clock=network_clock, random=SystemRandom())


def _move_to_credential(secret_store: SecretStore) -> None:
    """Let systemd's key, where there is one, open what was stored or restored without it."""
    with suppress(Failure):  # told to whoever asks for the secrets; what the key file opens is still found
        if secret_store.move_to_credential():
            logger.info("the stored secrets are encrypted with the credential now; the key file beside them is removed")


async def _opened(database: Database) -> None:
    """Open the database, replacing a damaged one by an empty one: the engine must keep running."""
    try:
        await database.open()
    except StoreForeign:
        raise
    except StoreDamaged as damage:
        aside = await database.put_aside()
        logger.error("%s. It was moved aside as %s.", damage, aside)
        await database.reopen()


async def build_daemon(
    installation: Installation,
    assemble: Assemble,
    check_factory: CheckFactory,
    *,
    clock: Clock,
    network_clock: Clock,
    log_ins: LogIns | None = None,
) -> Daemon:
    """Return a daemon whose engines `assemble` makes, and whose checks `check_factory` makes; nothing runs yet.

    `log_ins` approve each log-in of both.
    """
    log_ins = log_ins or LogIns(network_clock, installation.stores.log_ins)

    def make(settings: SiteSettings, secrets: Secrets) -> Engine:
        installation.debug_log.add_secrets(secrets)
        engine = assemble(settings, secrets)
        if (left := installation.unfinished.before) is not None and left.pbx == settings.pbx.place:
            engine.pbx_access.hold_back(left.user.guid)
        return engine

    def follow(event: Event) -> None:
        if isinstance(event, ServiceChanged) and service.settings is not None:
            installation.debug_log.apply_settings(service.settings)

    service = Supervisor(
        installation.file,
        installation.stores.settings,
        installation.sources.secrets,
        make,
        network_clock=network_clock,
        started_with=installation.given,
        cluster=installation.cluster,
        also_of_concern=installation.concerns,
    )
    if installation.node is not None:
        installation.node.serve(service)
        installation.node.keep_loaded("tenants", installation.tenants.load)
    service.current.observe(follow)
    await service.begin()
    access = None if installation.node is None else installation.node.access
    api_state = ApiState(service.current, clock, installation.stores.audit, access)
    await api_state.audit.load()
    if service.settings is not None:
        exchange = service.settings.exchange
        await installation.tenants.forget_others(exchange.tenant_id or "", exchange.client_id or "")
    more = (
        LogInRoutes(log_ins, service, api_state),
        *await _service_parts(installation, service, api_state, check_factory, log_ins, network_clock),
    )
    parts = (*more, *installation.debug_log.parts(service.current, api_state))
    return Daemon(
        installation, service, api_state, parts, PutBackLater(service, installation.unfinished, network_clock)
    )


async def _service_parts(
    installation: Installation,
    service: Supervisor,
    api_state: ApiState,
    check_factory: CheckFactory,
    log_ins: LogIns,
    network_clock: Clock,
) -> tuple[Routes, ...]:
    """Return the routes of the API that need more than a running engine."""
    sources = installation.sources
    trial_settings = TrialSettings(service, sources)
    zone = guessed_zone(system_zone())
    session = SetupSession(service, sources, installation.stores.setup, installation.state, zone, check_factory.clock)
    with suppress(SharedDatabaseFailure):  # what others have begun is not known before the database can be reached
        await session.load()
    if installation.node is not None:
        installation.node.keep_loaded("setup", session.refresh)
    directories = {"settings directory": service.file.path.resolve().parent, "state directory": installation.state}
    runner = SetupCheckRunner(api_state, session, SetupChecks(check_factory), network_clock, log_ins, directories)
    comparison = LivePreviewRoutes(service, api_state, trial_settings, check_factory)
    presence_test = PresenceTestRoutes(service, api_state, trial_settings, check_factory, installation.unfinished)
    account = SetupAccount(api_state, session, runner, sources, log_ins)
    return (
        SettingsRoutes(service, api_state),
        SecretRoutes(sources, service, api_state),
        BackupRoutes(api_state, installation.backup(), sources),
        CloudRoutes(sources, installation.tenants, service, api_state),
        CheckRoutes(api_state, trial_settings, check_factory, directories),
        AccessRoutes(api_state, trial_settings, check_factory),
        PreviewRoutes(api_state, trial_settings, lambda *tried: check_factory.make_access(*tried).source),
        SetupRoutes(api_state, session, runner, account, service, SetupTests(presence_test, comparison)),
        LiveRoutes(service, api_state, (installation.state,)),
        ClusterRoutes(api_state),
        NotesRoutes(service, api_state, trial_settings, check_factory.network_clock),
        comparison,
        presence_test,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Dependencies that a demo replaces: `clock` is calendar time, `resolver` looks up Exchange's servers."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)
    network_clock: Clock = field(default_factory=SteadyClock)
    observe: Observer = log
    resolver: Resolver | None = None


@asynccontextmanager
async def open_daemon(
    settings_file: Path,
    secrets_file: Path | None,
    dependencies: Dependencies | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[Daemon]:
    """Lock and open the state directory during the context; nothing runs yet. `state_dir` overrides its path.

    Raises a `StoreFailure`, for instance `AlreadyRunning` if another engine uses it.
    """
    dependencies = dependencies or Dependencies()
    clock, network_clock, resolver = dependencies.clock, dependencies.network_clock, dependencies.resolver
    async with open_installation(
        settings_file, secrets_file, dependencies.environment, clock, state_dir, network_clock
    ) as installation:
        log_ins = LogIns(network_clock, installation.stores.log_ins)

        def engine(settings: SiteSettings, secrets: Secrets) -> Engine:
            log_settings(settings)
            return assemble(
                settings,
                secrets,
                installation.stores.presences,
                clock=clock,
                network_clock=network_clock,
                observe=dependencies.observe,
                resolver=resolver,
                trace=installation.debug_log.capture,
                pbx_trace=installation.debug_log.capture.pbx,
                log_ins=log_ins,
                accept=installation.sources.certificate_accepted,
                tenants=installation.tenants,
                sharing=None if installation.node is None else installation.node.sharing,
            )

        check_factory = make_check_factory(clock, network_clock, resolver, log_ins, installation.tenants)
        yield await build_daemon(
            installation, engine, check_factory, clock=clock, network_clock=network_clock, log_ins=log_ins
        )


async def serve(daemon: Daemon, service_manager: ServiceManager | None = None) -> None:
    """Run the supervisor and its API until cancelled; `service_manager` is told how they are.

    Raises the failures that end them, in an exception group.
    """
    given, debug_log = daemon.installation.given, daemon.installation.debug_log
    async with debug_log.opened():
        with open_sockets(socket_path(given.socket), given.socket_group, os.environ) as sockets:
            logger.info("local API at %s", sockets.main)
            keep = daemon.service.keep
            async with asyncio.TaskGroup() as group:
                group.create_task(daemon.service.run())
                if (node := daemon.installation.node) is not None:
                    group.create_task(keep("taking part in the cluster", node.run))
                group.create_task(keep("the debug log", debug_log.capture.run))
                group.create_task(keep("putting back presences", daemon.put_back_later.run))
                group.create_task(ApiServer(daemon.api_state, sockets, keep, more=daemon.parts).serve())
                if given.metrics_port is not None:
                    group.create_task(MetricsServer(daemon.api_state, given.metrics_port, keep).serve())
                if service_manager is not None:
                    group.create_task(service_manager.keep_informed(lambda: status_line(daemon.api_state.status())))


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Run the daemon until SIGTERM or SIGINT; synchronisation starts once settings and secrets are valid.

    Raises a `Failure` if not even that is possible, or if the state can no longer be saved.
    """
    dependencies = Dependencies(environment=taken_environment())
    async with open_daemon(settings_file, secrets_file, dependencies) as daemon:
        service_manager = ServiceManager(dependencies.environment, dependencies.network_clock)
        with on_hangup(daemon.service.look_soon):
            await until_signalled(_serve_and_hand_over(daemon, service_manager))


async def _serve_and_hand_over(daemon: Daemon, service_manager: ServiceManager) -> None:
    """Do what `serve` does; before it ends, a node of a cluster gives its users to the others."""
    serving = asyncio.get_running_loop().create_task(serve(daemon, service_manager))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        if daemon.installation.node is not None and not serving.done():
            await daemon.installation.node.hand_over()
        raise
    finally:
        serving.cancel()
        await asyncio.wait((serving,))
