"""Entry point of `calendar-engine`: carries a command out, and says what failed and which exit status that is."""

import io
import os
import sys
from typing import TextIO

from engine.cli.commands.parser import PROGRAM, make_parser
from engine.cli.failures import EngineUnreachable, SocketForbidden
from engine.cli.statuses import DISK, FAILED, FORBIDDEN, INTERRUPTED, UNREACHABLE, UNUSABLE
from engine.core.failures import Failure, Fault
from engine.core.settings.problems import SettingsInvalid
from engine.store.failures import DiskUnusable


def main(arguments: list[str] | None = None) -> int:
    """Run the command given and return its exit status."""
    options = make_parser().parse_args(arguments)
    _accept_any_text(sys.stdout, sys.stderr)
    status: int
    try:
        status = options.run(options)
    except* KeyboardInterrupt:
        status = INTERRUPTED
    except* BrokenPipeError:
        # Whoever read our output has seen enough; without this the interpreter complains when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    except* Failure as failures:
        status = FAILED
        for failure in _flatten(failures):
            print(explain(failure), file=sys.stderr)
            status = max(status, _exit_status(failure))
    return status


def _exit_status(failure: Failure) -> int:
    match failure:
        case EngineUnreachable():
            return UNREACHABLE
        case SocketForbidden():
            return FORBIDDEN
        case DiskUnusable():
            return DISK
        case _:
            return UNUSABLE if failure.fault is Fault.SETTINGS else FAILED


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


if __name__ == "__main__":
    sys.exit(main())
