"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

import os
from pathlib import Path

from engine.cli.assembly import assemble, state_directory
from engine.cli.narration import introduce, log
from engine.cli.settings_file import load_settings
from engine.cli.signals import until_signalled
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.database import Database
from engine.store.secrets import load_secrets
from engine.sync.clocks import SteadyClock, SystemClock


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT. Raises a `Failure` when it cannot begin or go on."""
    settings = load_settings(settings_file)
    secrets = load_secrets(os.environ, secrets_file)
    introduce(settings)
    database = Database(state_directory(settings.engine))
    try:
        await database.open()
        engine = assemble(
            settings,
            secrets,
            AcknowledgedPresences(database),
            clock=SystemClock(),
            network_clock=SteadyClock(),
            observe=log,
        )
        await until_signalled(engine.run())
    finally:
        await database.close()
