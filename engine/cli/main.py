"""Entry point of `calendar-engine`: the command line, and which exit status a failure gets."""

import argparse
import asyncio
import io
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from engine.core.failures import Failure, Fault
from engine.core.settings.problems import SettingsInvalid

PROGRAM = "calendar-engine"

WELL, FAILED, UNUSABLE = 0, 1, 2
"""Exit statuses: all went well; the run ended with a failure; settings, secrets or arguments cannot be used."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command given and return its exit status."""
    options = _parser().parse_args(arguments)
    _accept_any_text(sys.stdout, sys.stderr)
    try:
        match options.command:
            case "run":
                return _run(options)
            case _:
                return _demo(options)
    except* BrokenPipeError:
        # Whoever read our output has seen enough; without this the interpreter complains when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    except* Failure as failures:
        status = FAILED
        for failure in _flatten(failures):
            print(explain(failure), file=sys.stderr)
            if failure.fault is Fault.SETTINGS:
                status = UNUSABLE
    return status


def explain(failure: Failure) -> str:
    """Return what happened and what to do about it, as lines for a terminal."""
    if isinstance(failure, SettingsInvalid):
        return f"{PROGRAM}: {failure}"
    return f"{PROGRAM}: {failure}\n  {failure.remedy}"


def _accept_any_text(*streams: TextIO) -> None:
    """A terminal that lacks a letter shows a question mark in its place, and nothing fails because of it."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _flatten(group: BaseExceptionGroup[Failure]) -> list[Failure]:
    failures: list[Failure] = []
    for member in group.exceptions:
        failures.extend(_flatten(member) if isinstance(member, BaseExceptionGroup) else [member])
    return failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Sets the presence of innovaphone PBX users from their Exchange calendars."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('calendar-tui')}")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="keep presences in step until stopped", description="Runs the engine.")
    run.add_argument("--settings", type=Path, required=True, metavar="FILE", help="the settings file (TOML)")
    run.add_argument(
        "--secrets",
        type=Path,
        metavar="FILE",
        help="passwords as TOML, readable by the owner only; the environment variables "
        "CALENDAR_ENGINE_EXCHANGE_PASSWORD and CALENDAR_ENGINE_PBX_PASSWORD come first",
    )

    demo = commands.add_parser(
        "demo",
        help="show the engine at work on a simulated PBX and Exchange",
        description="Starts a simulated PBX, a simulated Exchange and the engine, and lets a working day pass.",
    )
    demo.add_argument("--speed", type=_positive, default=300.0, metavar="N", help="N times as fast as real (300)")
    demo.add_argument("--headless", action="store_true", help="plain lines, no colours")
    demo.add_argument("--for", type=_positive, dest="seconds", metavar="SECONDS", help="end by itself after that long")
    demo.add_argument("--json", action="store_true", help="one JSON object per confirmed presence, and a summary")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _run(options: argparse.Namespace) -> int:
    from engine.cli.run import run

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    asyncio.run(run(options.settings, options.secrets))
    return WELL


def _demo(options: argparse.Namespace) -> int:
    from engine.cli.demo import demo

    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    went_well = asyncio.run(
        demo(speed=options.speed, seconds=options.seconds, plain=options.headless, as_json=options.json)
    )
    return WELL if went_well else FAILED


if __name__ == "__main__":
    sys.exit(main())
