"""The command that keeps presences in step until it is stopped."""

import argparse
import logging
from pathlib import Path

from engine.cli.commands.parsers import Commands
from engine.cli.statuses import WELL


def add(commands: Commands) -> None:
    """Declare `run`."""
    parser = commands.add_parser("run", help="keep presences in step until stopped", description="Runs the engine.")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the settings file (TOML; found by itself)")
    parser.add_argument(
        "--secrets",
        type=Path,
        metavar="FILE",
        help="passwords as TOML, readable by the owner only; the environment variables "
        "CALENDAR_ENGINE_EXCHANGE_PASSWORD and CALENDAR_ENGINE_PBX_PASSWORD come first",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from engine.cli.logbook import start_logging
    from engine.cli.loop import run_loop
    from engine.cli.places import settings_path
    from engine.cli.process import allow_many_files, keep_for_good, protect_memory
    from engine.cli.run import run

    start_logging(logging.INFO)
    protect_memory()
    allow_many_files()
    keep_for_good()
    run_loop(run(options.settings or settings_path(), options.secrets))
    return WELL
