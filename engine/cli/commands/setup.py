"""The command that leads through the set-up, or carries it out by a file with all answers."""

import argparse
from pathlib import Path

from engine.cli.commands.parsers import Commands


def add(commands: Commands) -> None:
    """Declare `setup`."""
    parser = commands.add_parser(
        "setup",
        help="set everything up, step by step",
        description="Asks for all that a running engine needs, tries it on the PBX and Exchange, and applies it.",
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found by itself)")
    parser.add_argument("--json", action="store_true", help="with --answers: what became of it, as one JSON object")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="take all answers from this file (TOML)")
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="with --answers: passwords, as for run")
    parser.add_argument("--check-only", action="store_true", help="with --answers: try everything, and change nothing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from engine.cli.setup import run_setup

    return run_setup(options)
