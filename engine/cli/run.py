"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from engine.api.candidates import Candidates
from engine.api.desk import Desk
from engine.api.handlers.preview import PreviewPart
from engine.api.handlers.probes import ProbesPart
from engine.api.handlers.settings import SettingsPart
from engine.api.schema.places import socket_path
from engine.api.server import ApiServer
from engine.api.sockets import open_doors
from engine.cli.assembly import assemble, make_workbench, state_directory
from engine.cli.narration import introduce, log
from engine.cli.serving import run_served
from engine.cli.signals import on_hangup, until_signalled
from engine.core.secret import Secret
from engine.core.settings.model import ExchangeSettings, Settings
from engine.service.service import Service
from engine.service.settings_file import SettingsFile
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.database import Database
from engine.store.secrets import Secrets, known_secrets, load_secrets
from engine.store.settings_history import SettingsHistory
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.engine import Engine

logger = logging.getLogger(__name__)


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT, as soon as settings and secrets are there and valid.

    Raises a `Failure` when not even that can be waited for, or nothing can be remembered any more.
    """
    file = SettingsFile(settings_file)
    given = file.engine_settings()
    database = Database(state_directory(given))
    clock, network_clock = SystemClock(), SteadyClock()
    presences = AcknowledgedPresences(database)

    async def secrets(exchange: ExchangeSettings) -> Secrets:
        return await asyncio.to_thread(load_secrets, os.environ, secrets_file, exchange)

    async def known() -> Mapping[str, Secret]:
        return await asyncio.to_thread(known_secrets, os.environ, secrets_file)

    def engine(settings: Settings, secrets: Secrets) -> Engine:
        introduce(settings)
        return assemble(settings, secrets, presences, clock=clock, network_clock=network_clock, observe=log)

    try:
        await database.open()
        service = Service(
            file,
            SettingsHistory(database),
            secrets,
            engine,
            clock=clock,
            network_clock=network_clock,
            started_with=given,
        )
        await service.begin()
        with open_doors(socket_path(given.socket), given.socket_group, os.environ) as doors:
            logger.info("local API at %s", doors.main)
            desk = Desk(service.seat, clock)
            candidates = Candidates(service, known)
            more = (
                SettingsPart(service, desk),
                ProbesPart(desk, candidates, make_workbench(clock, network_clock)),
                PreviewPart(desk, candidates),
            )
            api = ApiServer(desk, doors, more=more)
            with on_hangup(service.look_soon):
                await until_signalled(run_served(service, api))
    finally:
        await database.close()
