"""`calendar-engine version`: which program this is, what it runs on, and which engine it would talk to."""

import argparse
import platform
from importlib.metadata import version

import msgspec

from engine.api.client.failures import EngineUnreachable, SocketForbidden
from engine.api.client.finding import reachable_socket
from engine.api.handlers.about import API_VERSION
from engine.api.schema import About
from engine.api.schema.places import usual_sockets
from engine.cli.client import CommandClient
from engine.cli.loop import run_loop
from engine.cli.output import show
from engine.cli.statuses import WELL


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """This program, and the engine that runs, None if there is none or this account may not ask it."""

    version: str
    api: int
    python: str
    platform: str
    engine: About | None


def show_versions(options: argparse.Namespace) -> int:
    """Print the versions. Raises `EngineUnreachable` or `SocketForbidden` for a socket that was named."""
    try:
        engine = run_loop(_running(options))
    except (EngineUnreachable, SocketForbidden):
        if options.socket:
            raise
        engine = None
    versions = Versions(
        version=version("calendar-tui"),
        api=API_VERSION,
        python=platform.python_version(),
        platform=platform.platform(),
        engine=engine,
    )
    show(versions, _words, as_json=options.json)
    return WELL


async def _running(options: argparse.Namespace) -> About:
    paths = (options.socket,) if options.socket else usual_sockets()
    client = CommandClient(reachable_socket(paths, "ask"))
    return await client.get("/v1", About)


def _words(versions: Versions) -> list[str]:
    own = f"calendar-engine {versions.version}, API {versions.api}, Python {versions.python}, {versions.platform}"
    if versions.engine is None:
        return [own, "No engine runs where it is looked for."]
    return [own, f"The engine that runs is {versions.engine.version}, API {versions.engine.api}."]
