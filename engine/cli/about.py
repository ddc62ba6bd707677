"""The commands `version` and `completion`."""

import argparse
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec
import shtab

from engine.api.client import reachable_socket
from engine.api.errors import EngineUnreachable, SocketForbidden
from engine.api.paths import usual_sockets
from engine.api.resources.engine import EngineRequests
from engine.api.schema import About
from engine.cli.client import CommandClient
from engine.cli.exit_codes import WELL
from engine.cli.output import show
from engine.daemon.loop import run_loop
from engine.display import operating_system
from engine.server.handlers.state import API_VERSION


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of this program and of the running engine; None if there is none or it may not be asked."""

    version: str
    api: int
    python: str
    platform: str
    engine: About | None


def show_versions(options: argparse.Namespace) -> int:
    """Print the versions. Raises `EngineUnreachable` or `SocketForbidden` if a socket was named."""
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
        platform=operating_system(),
        engine=engine,
    )
    show(versions, _words, as_json=options.json)
    return WELL


async def _running(options: argparse.Namespace) -> About:
    paths = (options.socket,) if options.socket else usual_sockets()
    return await EngineRequests(CommandClient(reachable_socket(paths, "ask"))).about()


def _words(versions: Versions) -> list[str]:
    own = f"calendar-engine {versions.version}, API {versions.api}, Python {versions.python}, {versions.platform}"
    if versions.engine is None:
        return [own, "No engine is running there."]
    return [own, f"The running engine is {versions.engine.version}, API {versions.engine.api}."]


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script for "bash", "zsh" or "fish"; arguments that are paths complete to file names."""
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 (argparse has no public name for them)
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _actions(command)
