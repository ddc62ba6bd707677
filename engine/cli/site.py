"""What a running service and the commands that work without one have in common: the site's files, put together."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

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
from engine.cli.narration import introduce, log
from engine.core.settings.model import EngineSettings, Settings
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


@dataclass(frozen=True, slots=True)
class Site:
    """A service that has looked at its settings, and what its API answers from; `given` is how it is reached."""

    service: Service
    desk: Desk
    parts: Sequence[Part]
    given: EngineSettings


@asynccontextmanager
async def open_site(settings_file: Path, secrets_file: Path | None) -> AsyncIterator[Site]:
    """Hold the state directory for as long as the context lasts; nothing runs yet.

    Raises a `StoreFailure`, `AlreadyRunning` where an engine holds it.
    """
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    state = state_directory(given)
    database = Database(state)
    clock, network_clock = SystemClock(), SteadyClock()
    presences = AcknowledgedPresences(database)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    sources = SecretSources(
        os.environ, secrets_file, Vault(state, Path(credentials) if credentials else None), clock.now
    )

    def engine(settings: Settings, secrets: Secrets) -> Engine:
        introduce(settings)
        return assemble(settings, secrets, presences, clock=clock, network_clock=network_clock, observe=log)

    try:
        await database.open()
        service = Service(
            file,
            SettingsHistory(database),
            sources.secrets,
            engine,
            clock=clock,
            network_clock=network_clock,
            started_with=given,
        )
        await service.begin()
        desk = Desk(service.seat, clock, AuditTrail(database))
        candidates, workbench = Candidates(service, sources), make_workbench(clock, network_clock)
        session = SetupSession(service, sources, state / "setup.json", system_zone())
        parts = (
            SettingsPart(service, desk),
            SecretsPart(sources, service, desk),
            ProbesPart(desk, candidates, workbench),
            PreviewPart(desk, candidates),
            SetupPart(desk, session, SetupChecks(workbench)),
        )
        yield Site(service, desk, parts, given)
    finally:
        await database.close()
