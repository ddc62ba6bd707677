"""The files of a site, held for it alone, and the service that works on them, whichever engines that begins."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.api.candidates import Candidates
from engine.api.desk import Desk
from engine.api.handlers.log_ins import LogInsPart
from engine.api.handlers.part import Part
from engine.api.handlers.preview import PreviewPart
from engine.api.handlers.probes import ProbesPart
from engine.api.handlers.secrets import SecretsPart
from engine.api.handlers.settings import SettingsPart
from engine.api.handlers.setup import SetupPart
from engine.api.setup_checks import SetupChecks
from engine.api.setup_session import SetupSession
from engine.cli.assembly import state_directory
from engine.cli.debug_log import DebugLog
from engine.core.clock import Clock
from engine.core.settings.model import EngineSettings, Settings
from engine.core.setup.guesses import guessed_zone
from engine.logins.breaker import LogIns
from engine.probes.workbench import Workbench
from engine.service.plan import Assemble
from engine.service.service import Service
from engine.service.settings_file import SettingsFile, system_zone
from engine.store.audit_trail import AuditTrail
from engine.store.database import Database
from engine.store.failures import StoreDamaged, StoreForeign
from engine.store.log_ins import LogInHistory
from engine.store.secret_sources import SecretSources
from engine.store.secrets import Secrets
from engine.store.settings_history import SettingsHistory
from engine.store.vault import Vault
from engine.sync.engine import Engine
from engine.sync.happenings import Happening, ServiceChanged

logger = logging.getLogger(__name__)

SETUP = "setup.json"


@dataclass(frozen=True, slots=True)
class Premises:
    """Settings file, `state` directory and secrets; `given` is how the service is reached until its next start.

    `exchanges` is to be opened where the service runs.
    """

    file: SettingsFile
    given: EngineSettings
    state: Path
    database: Database
    sources: SecretSources
    exchanges: DebugLog


@dataclass(frozen=True, slots=True)
class Site:
    """A service that has looked at its settings, and what its API answers from."""

    premises: Premises
    service: Service
    desk: Desk
    parts: Sequence[Part]


@asynccontextmanager
async def open_premises(
    settings_file: Path,
    secrets_file: Path | None,
    environment: Mapping[str, str],
    clock: Clock,
    state_dir: Path | None = None,
) -> AsyncIterator[Premises]:
    """Hold the state directory for as long as the context lasts. `state_dir` takes its place; `clock` is calendar time.

    Raises a `StoreFailure`, `AlreadyRunning` where an engine holds it.
    """
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    state = state_dir or state_directory(given)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    vault = Vault(state, Path(credentials) if credentials else None)
    database = Database(state)
    try:
        await _opened(database)
        await asyncio.to_thread(file.sweep)
        sources = SecretSources(environment, secrets_file, vault, clock.now, settings_file=settings_file)
        yield Premises(file, given, state, database, sources, DebugLog(state, clock))
    finally:
        await database.close()


async def _opened(database: Database) -> None:
    """Begin with an empty database where the one there is was damaged: presences have to go on."""
    try:
        await database.open()
    except StoreForeign:
        raise
    except StoreDamaged as damage:
        aside = await database.put_aside()
        logger.error("%s. It is put aside as %s.", damage, aside)
        await database.reopen()


async def begin_site(
    premises: Premises,
    assemble: Assemble,
    workbench: Workbench,
    *,
    clock: Clock,
    network_clock: Clock,
    log_ins: LogIns | None = None,
) -> Site:
    """Return a service whose engines `assemble` makes, and whose probes are made with `workbench`; nothing runs yet.

    `log_ins` are those that both ask before each log-in.
    """
    log_ins = log_ins or LogIns(network_clock, LogInHistory(premises.database))

    def make(settings: Settings, secrets: Secrets) -> Engine:
        premises.exchanges.know(secrets)
        return assemble(settings, secrets)

    def follow(happening: Happening) -> None:
        if isinstance(happening, ServiceChanged) and service.settings is not None:
            premises.exchanges.heed(service.settings)

    service = Service(
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
    desk = Desk(service.seat, clock, AuditTrail(premises.database))
    await desk.audit.load()
    more = (LogInsPart(log_ins, service, desk), *_service_parts(premises, service, desk, workbench))
    parts = (*more, *premises.exchanges.parts(service.seat, desk))
    return Site(premises, service, desk, parts)


def _service_parts(premises: Premises, service: Service, desk: Desk, workbench: Workbench) -> tuple[Part, ...]:
    """What the API of a service offers beside what every engine has."""
    sources = premises.sources
    candidates = Candidates(service, sources)
    session = SetupSession(service, sources, premises.state / SETUP, guessed_zone(system_zone()))
    return (
        SettingsPart(service, desk),
        SecretsPart(sources, service, desk),
        ProbesPart(desk, candidates, workbench),
        PreviewPart(desk, candidates),
        SetupPart(desk, session, SetupChecks(workbench)),
    )
