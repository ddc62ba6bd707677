"""Runs everything of a site."""

import asyncio
import logging
import os

from engine.api.metrics_server import MetricsServer
from engine.api.schema.places import socket_path
from engine.api.server import ApiServer
from engine.api.sockets import open_doors
from engine.cli.premises import Site

logger = logging.getLogger(__name__)


async def serve(site: Site) -> None:
    """Run the service, its API and what belongs to them until cancelled. Raises what ends it, in an exception group."""
    given, exchanges = site.premises.given, site.premises.exchanges
    async with exchanges.opened():
        with open_doors(socket_path(given.socket), given.socket_group, os.environ) as doors:
            logger.info("local API at %s", doors.main)
            keep = site.service.keep
            async with asyncio.TaskGroup() as group:
                group.create_task(site.service.run())
                group.create_task(keep("the debug log", exchanges.capture.run))
                group.create_task(ApiServer(site.desk, doors, keep, more=site.parts).serve())
                if given.metrics_port is not None:
                    group.create_task(MetricsServer(site.desk, given.metrics_port, keep).serve())
