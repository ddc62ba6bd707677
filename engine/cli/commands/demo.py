"""The command that shows the engine at work on simulators."""

import argparse
import logging
import sys
from pathlib import Path

from engine.cli.commands.parsers import Commands, positive
from engine.cli.statuses import FAILED, WELL


def add(commands: Commands) -> None:
    """Declare `demo`."""
    parser = commands.add_parser(
        "demo",
        help="show the engine at work on a simulated PBX and Exchange",
        description="Starts a simulated PBX, a simulated Exchange and the engine, and lets a working day pass.",
    )
    parser.add_argument("--speed", type=positive, default=300.0, metavar="N", help="N times as fast as real (300)")
    parser.add_argument("--headless", action="store_true", help="plain lines, no colours")
    parser.add_argument("--for", type=positive, dest="seconds", metavar="SECONDS", help="end by itself after that long")
    parser.add_argument("--json", action="store_true", help="one JSON object per confirmed presence, and a summary")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="where the local API is to be (a place of its own)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does: with its other end")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from engine.cli.demo import demo
    from engine.cli.logbook import start_logging
    from engine.cli.loop import run_loop

    start_logging(logging.ERROR)
    went_well = run_loop(
        demo(
            speed=options.speed,
            seconds=options.seconds,
            plain=options.headless,
            as_json=options.json,
            socket=options.socket,
            pipe=sys.stdin.fileno() if options.until_eof else None,
        )
    )
    return WELL if went_well else FAILED
