"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

import asyncio
import logging
import os
from pathlib import Path

from engine.api.metrics_server import MetricsServer
from engine.api.schema.places import socket_path
from engine.api.server import ApiServer
from engine.api.sockets import Doors, open_doors
from engine.cli.signals import on_hangup, until_signalled
from engine.cli.site import Site, open_site

logger = logging.getLogger(__name__)


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT, as soon as settings and secrets are there and valid.

    Raises a `Failure` when not even that can be waited for, or nothing can be remembered any more.
    """
    async with open_site(settings_file, secrets_file) as site:
        given = site.given
        with (
            on_hangup(site.service.look_soon),
            open_doors(socket_path(given.socket), given.socket_group, os.environ) as doors,
        ):
            logger.info("local API at %s", doors.main)
            await until_signalled(_serve(site, doors))


async def _serve(site: Site, doors: Doors) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(site.service.run())
        group.create_task(ApiServer(site.desk, doors, more=site.parts).serve())
        if site.given.metrics_port is not None:
            group.create_task(MetricsServer(site.desk, site.given.metrics_port).serve())
