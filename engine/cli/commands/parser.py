"""The whole command line of `calendar-engine`."""

import argparse
from importlib.metadata import version

from engine.cli.commands import about, asking, demo, log, log_in, secrets, service, settings, setup, trying
from engine.cli.commands.parsers import Parser

PROGRAM = "calendar-engine"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it returns for a command has as `run` what carries it out."""
    parser = Parser(
        prog=PROGRAM, description="Sets the presence of innovaphone PBX users from their Exchange calendars."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('calendar-tui')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for group in (service, demo, setup, settings, secrets, log_in, asking, log, trying, about):
        group.add(commands)
    return parser
