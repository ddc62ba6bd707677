"""The command `health`, a plugin of Nagios and Icinga."""

import argparse
import asyncio

from engine.api.client import ApiClient, reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.engine import EngineRequests
from engine.api.schema import Status
from engine.cli.output import say
from engine.core.errors import Failure
from engine.daemon.loop import run_loop
from engine.documents.health import Health, HealthLimits, Limits, health_line, health_of


def run_health(options: argparse.Namespace) -> int:
    """Print the health of the engine in one line and return it as the exit status."""
    names = ("no_calendar", "refused", "age", "expires")
    limits = HealthLimits(**{name: Limits(*given) for name in names if (given := getattr(options, name)) is not None})
    try:
        health, line = health_of(run_loop(_status(options)), limits)
    except Failure as failure:
        health, line = Health.UNKNOWN, health_line(Health.UNKNOWN, str(failure))
    except TimeoutError:
        text = f"the engine does not answer within {options.timeout:g} s"
        health, line = Health.UNKNOWN, health_line(Health.UNKNOWN, text)
    say(line)
    return health


async def _status(options: argparse.Namespace) -> Status:
    paths = (options.socket,) if options.socket else usual_sockets()
    async with asyncio.timeout(options.timeout):
        return await EngineRequests(ApiClient(reachable_socket(paths, "read"))).status()
