"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

import logging
import os
from pathlib import Path

from engine.api.desk import Desk
from engine.api.schema.places import socket_path
from engine.api.server import ApiServer
from engine.api.sockets import open_doors
from engine.cli.assembly import assemble, state_directory
from engine.cli.debug_log import debug_log
from engine.cli.narration import introduce, log
from engine.cli.serving import run_served
from engine.cli.settings_file import load_settings
from engine.cli.signals import until_signalled
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.database import Database
from engine.store.secrets import load_secrets
from engine.sync.clocks import SteadyClock, SystemClock

logger = logging.getLogger(__name__)


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT. Raises a `Failure` when it cannot begin or go on."""
    settings = load_settings(settings_file)
    secrets = load_secrets(os.environ, secrets_file, settings.exchange)
    introduce(settings)
    database = Database(state_directory(settings.engine))
    try:
        await database.open()
        clock = SystemClock()
        async with debug_log(settings, secrets, state_directory(settings.engine), clock) as exchanges:
            engine = assemble(
                settings,
                secrets,
                AcknowledgedPresences(database),
                clock=clock,
                network_clock=SteadyClock(),
                observe=log,
                trace=exchanges.capture,
            )
            desk = Desk(engine, clock)
            path = socket_path(settings.engine.socket)
            with open_doors(path, settings.engine.socket_group, os.environ) as doors:
                logger.info("local API at %s", doors.main)
                api = ApiServer(desk, doors, more=exchanges.parts(engine, desk))
                await until_signalled(run_served(engine, api, exchanges.capture.run))
    finally:
        await database.close()
