"""The commands about the program itself."""

import argparse

from engine.cli.commands.parsers import Commands, attached
from engine.cli.statuses import WELL


def add(commands: Commands) -> None:
    """Declare `version` and `completion`."""
    version = commands.add_parser(
        "version",
        parents=[attached()],
        help="show versions",
        description="Shows the versions of this program, and of the engine that runs, if there is one.",
    )
    version.set_defaults(run=_version)
    completion = commands.add_parser(
        "completion",
        help="print what completes commands in a shell",
        description="Prints a script that lets a shell complete the commands and options of calendar-engine.",
    )
    completion.add_argument("shell", choices=["bash", "zsh"], help="the shell it is for")
    completion.set_defaults(run=_completion)


def _version(options: argparse.Namespace) -> int:
    from engine.cli.versions import show_versions

    return show_versions(options)


def _completion(options: argparse.Namespace) -> int:
    from engine.cli.commands.parser import make_parser
    from engine.cli.completion import script
    from engine.cli.output import put

    put(f"{script(make_parser(), options.shell)}\n".encode())
    return WELL
