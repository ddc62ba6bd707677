"""What a running service and the commands that work without one have in common: the site's files, put together."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp.abc import AbstractResolver

from engine.api.candidates import Candidates
from engine.api.desk import Desk
from engine.api.handlers.part import Part
from engine.api.handlers.preview import PreviewPart
from engine.api.handlers.probes import ProbesPart
from engine.api.handlers.secrets import SecretsPart
from engine.api.handlers.settings import SettingsPart
from engine.api.handlers.setup import SetupPart
from engine.api.setup_checks import SetupChecks
from engine.api.setup_session import SetupSession
from engine.cli.assembly import assemble, make_workbench, state_directory
from engine.cli.debug_log import DebugLog
from engine.cli.narration import introduce, log
from engine.core.clock import Clock
from engine.core.settings.model import EngineSettings, Settings
from engine.probes.workbench import Workbench
from engine.service.service import Service
from engine.service.settings_file import SettingsFile, system_zone
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.audit_trail import AuditTrail
from engine.store.database import Database
from engine.store.secret_sources import SecretSources
from engine.store.secrets import Secrets
from engine.store.settings_history import SettingsHistory
from engine.store.vault import Vault
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.engine import Engine
from engine.sync.happenings import Happening, Observer, ServiceChanged

SETUP = "setup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is another one in a demo: `clock` is calendar time, `resolver` looks up Exchange's servers."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)
    network_clock: Clock = field(default_factory=SteadyClock)
    observe: Observer = log
    resolver: AbstractResolver | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A service that has looked at its settings, and what its API answers from; `given` is how it is reached.

    `exchanges` is to be opened where the service runs.
    """

    service: Service
    desk: Desk
    parts: Sequence[Part]
    given: EngineSettings
    exchanges: DebugLog


@asynccontextmanager
async def open_site(
    settings_file: Path,
    secrets_file: Path | None,
    around: Surroundings | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[Site]:
    """Hold the state directory for as long as the context lasts; nothing runs yet. `state_dir` takes its place.

    Raises a `StoreFailure`, `AlreadyRunning` where an engine holds it.
    """
    around = around or Surroundings()
    clock, network_clock = around.clock, around.network_clock
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    state = state_dir or state_directory(given)
    database = Database(state)
    presences = AcknowledgedPresences(database)
    sources = SecretSources(around.environment, secrets_file, _vault(state, around.environment), clock.now)
    exchanges = DebugLog(state, clock)

    def engine(settings: Settings, secrets: Secrets) -> Engine:
        introduce(settings)
        exchanges.know(secrets)
        return assemble(
            settings,
            secrets,
            presences,
            clock=clock,
            network_clock=network_clock,
            observe=around.observe,
            resolver=around.resolver,
            trace=exchanges.capture,
        )

    def follow(happening: Happening) -> None:
        if isinstance(happening, ServiceChanged) and service.settings is not None:
            exchanges.heed(service.settings)

    service = Service(
        file,
        SettingsHistory(database),
        sources.secrets,
        engine,
        clock=clock,
        network_clock=network_clock,
        started_with=given,
    )
    service.seat.observe(follow)
    try:
        await database.open()
        await service.begin()
        desk = Desk(service.seat, clock, AuditTrail(database))
        workbench = make_workbench(clock, network_clock, around.resolver)
        parts = (*service_parts(service, sources, desk, workbench, state), *exchanges.parts(service.seat, desk))
        yield Site(service, desk, parts, given, exchanges)
    finally:
        await database.close()


def service_parts(
    service: Service, sources: SecretSources, desk: Desk, workbench: Workbench, state: Path
) -> tuple[Part, ...]:
    """Return what the API of a service offers beside what every engine has."""
    candidates = Candidates(service, sources)
    session = SetupSession(service, sources, state / SETUP, system_zone())
    return (
        SettingsPart(service, desk),
        SecretsPart(sources, service, desk),
        ProbesPart(desk, candidates, workbench),
        PreviewPart(desk, candidates),
        SetupPart(desk, session, SetupChecks(workbench)),
    )


def _vault(state: Path, environment: Mapping[str, str]) -> Vault:
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return Vault(state, Path(credentials) if credentials else None)
