"""Life cycle of the daemon: state directory, services, and the run until a signal."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.api.paths import socket_path
from engine.checks.factory import CheckFactory
from engine.core.clock import Clock
from engine.core.resolver import Resolver
from engine.daemon.build import assemble, make_check_factory, state_directory
from engine.daemon.debug_log import DebugLog
from engine.daemon.log_messages import log, log_settings
from engine.daemon.process import taken_environment
from engine.daemon.signals import on_hangup, until_signalled
from engine.logins.breaker import LogIns
from engine.server.app import ApiServer, MetricsServer
from engine.server.handlers.checks import CheckRoutes
from engine.server.handlers.logins import LogInRoutes
from engine.server.handlers.preview import PreviewRoutes
from engine.server.handlers.secrets import SecretRoutes
from engine.server.handlers.settings import SettingsRoutes
from engine.server.handlers.setup import SetupRoutes
from engine.server.http import Routes
from engine.server.sockets import open_sockets
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import EngineSettings, SiteSettings
from engine.setup.checks import SetupChecks
from engine.setup.guesses import guessed_zone
from engine.setup.session import SetupSession
from engine.store.audit import AuditTrail
from engine.store.database import Database
from engine.store.errors import StoreDamaged, StoreForeign
from engine.store.logins import LogInHistory
from engine.store.presence import AcknowledgedPresences
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.secrets import Secrets
from engine.store.settings_history import SettingsHistory
from engine.supervisor.plan import Assemble
from engine.supervisor.settings_file import SettingsFile, system_zone
from engine.supervisor.supervisor import Supervisor
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.events import Event, Observer, ServiceChanged
from engine.sync.reconciler import Engine

logger = logging.getLogger(__name__)

SETUP = "setup.json"


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings file, `state` directory and secrets; `given` are the engine settings in effect until the next start.

    `exchanges` has to be opened for as long as the daemon runs.
    """

    file: SettingsFile
    given: EngineSettings
    state: Path
    database: Database
    sources: SecretSources
    exchanges: DebugLog


@dataclass(frozen=True, slots=True)
class Daemon:
    """A supervisor with its settings loaded, and the groups of routes of its API."""

    premises: Installation
    service: Supervisor
    desk: ApiState
    parts: Sequence[Routes]


@asynccontextmanager
async def open_installation(
    settings_file: Path,
    secrets_file: Path | None,
    environment: Mapping[str, str],
    clock: Clock,
    state_dir: Path | None = None,
) -> AsyncIterator[Installation]:
    """Lock and open the state directory during the context. `state_dir` overrides its path; `clock` is calendar time.

    Raises a `StoreFailure`, for instance `AlreadyRunning` if another engine uses it.
    """
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    state = state_dir or state_directory(given)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    vault = SecretStore(state, Path(credentials) if credentials else None)
    database = Database(state)
    try:
        await _opened(database)
        await asyncio.to_thread(file.sweep)
        sources = SecretSources(environment, secrets_file, vault, clock.now, settings_file=settings_file)
        yield Installation(file, given, state, database, sources, DebugLog(state, clock))
    finally:
        await database.close()


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
    premises: Installation,
    assemble: Assemble,
    workbench: CheckFactory,
    *,
    clock: Clock,
    network_clock: Clock,
    log_ins: LogIns | None = None,
) -> Daemon:
    """Return a daemon whose engines `assemble` makes, and whose checks `workbench` makes; nothing runs yet.

    `log_ins` approve each log-in of both.
    """
    log_ins = log_ins or LogIns(network_clock, LogInHistory(premises.database))

    def make(settings: SiteSettings, secrets: Secrets) -> Engine:
        premises.exchanges.add_secrets(secrets)
        return assemble(settings, secrets)

    def follow(happening: Event) -> None:
        if isinstance(happening, ServiceChanged) and service.settings is not None:
            premises.exchanges.apply_settings(service.settings)

    service = Supervisor(
        premises.file,
        SettingsHistory(premises.database),
        premises.sources.secrets,
        make,
        clock=clock,
        network_clock=network_clock,
        started_with=premises.given,
        also_of_concern=lambda: premises.database.aside,
    )
    service.seat.observe(follow)
    await service.begin()
    desk = ApiState(service.seat, clock, AuditTrail(premises.database))
    await desk.audit.load()
    more = (LogInRoutes(log_ins, service, desk), *_service_parts(premises, service, desk, workbench))
    parts = (*more, *premises.exchanges.parts(service.seat, desk))
    return Daemon(premises, service, desk, parts)


def _service_parts(
    premises: Installation, service: Supervisor, desk: ApiState, workbench: CheckFactory
) -> tuple[Routes, ...]:
    """Return the routes of the API that need more than a running engine."""
    sources = premises.sources
    candidates = TrialSettings(service, sources)
    session = SetupSession(service, sources, premises.state / SETUP, guessed_zone(system_zone()))
    return (
        SettingsRoutes(service, desk),
        SecretRoutes(sources, service, desk),
        CheckRoutes(desk, candidates, workbench),
        PreviewRoutes(desk, candidates),
        SetupRoutes(desk, session, SetupChecks(workbench)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
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
    around: Environment | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[Daemon]:
    """Lock and open the state directory during the context; nothing runs yet. `state_dir` overrides its path.

    Raises a `StoreFailure`, for instance `AlreadyRunning` if another engine uses it.
    """
    around = around or Environment()
    clock, network_clock, resolver = around.clock, around.network_clock, around.resolver
    async with open_installation(settings_file, secrets_file, around.environment, clock, state_dir) as premises:
        presences = AcknowledgedPresences(premises.database)
        log_ins = LogIns(network_clock, LogInHistory(premises.database))

        def engine(settings: SiteSettings, secrets: Secrets) -> Engine:
            log_settings(settings)
            return assemble(
                settings,
                secrets,
                presences,
                clock=clock,
                network_clock=network_clock,
                observe=around.observe,
                resolver=resolver,
                trace=premises.exchanges.capture,
                log_ins=log_ins,
            )

        workbench = make_check_factory(clock, network_clock, resolver, log_ins)
        yield await build_daemon(premises, engine, workbench, clock=clock, network_clock=network_clock, log_ins=log_ins)


async def serve(site: Daemon) -> None:
    """Run the supervisor and its API until cancelled. Raises the failures that end them, in an exception group."""
    given, exchanges = site.premises.given, site.premises.exchanges
    async with exchanges.opened():
        with open_sockets(socket_path(given.socket), given.socket_group, os.environ) as doors:
            logger.info("local API at %s", doors.main)
            keep = site.service.keep
            async with asyncio.TaskGroup() as group:
                group.create_task(site.service.run())
                group.create_task(keep("the debug log", exchanges.capture.run))
                group.create_task(ApiServer(site.desk, doors, keep, more=site.parts).serve())
                if given.metrics_port is not None:
                    group.create_task(MetricsServer(site.desk, given.metrics_port, keep).serve())


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Run the daemon until SIGTERM or SIGINT; synchronisation starts once settings and secrets are valid.

    Raises a `Failure` if not even that is possible, or if the state can no longer be saved.
    """
    around = Environment(environment=taken_environment())
    async with open_daemon(settings_file, secrets_file, around) as site:
        with on_hangup(site.service.look_soon):
            await until_signalled(serve(site))
