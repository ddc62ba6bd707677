"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

import asyncio
import os
from pathlib import Path

from engine.cli.narration import log
from engine.cli.signals import on_hangup, until_signalled
from engine.cli.site import Site
from engine.core.settings.model import ExchangeSettings
from engine.service.settings_file import SettingsFile
from engine.store.secrets import Secrets, load_secrets
from engine.sync.clocks import SteadyClock, SystemClock


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT. Raises a `Failure` when it cannot even wait for settings."""

    async def secrets(exchange: ExchangeSettings) -> Secrets:
        return await asyncio.to_thread(load_secrets, os.environ, secrets_file, exchange)

    site = Site(SettingsFile(settings_file), secrets, clock=SystemClock(), network_clock=SteadyClock(), observe=log)
    with on_hangup(site.service.look_soon):
        await until_signalled(site.run())
