"""What the parsers of the commands have in common."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Commands(Protocol):
    """Where a command is declared; argparse has no public name for it."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002 (argparse calls it so)
        description: str,
        parents: Sequence[argparse.ArgumentParser] = (),
    ) -> argparse.ArgumentParser:
        """Return the parser of a new command."""
        ...


class Parser(argparse.ArgumentParser):
    """Writes what it has to say, or fails: that of the library passes over what it could not write."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if message:
            (file or sys.stderr).write(message)


def declare(
    commands: Commands,
    texts: Mapping[str, tuple[str, str]],
    run: Callable[[argparse.Namespace], int],
    parent: argparse.ArgumentParser,
    **others: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser]:
    """Declare commands that `run` carries out, and return their parsers by name.

    `texts` has help and description of each; `others` the parent of whichever has another one than `parent`.
    """
    parsers = {
        name: commands.add_parser(name, parents=[others.get(name, parent)], help=short, description=text)
        for name, (short, text) in texts.items()
    }
    for parser in parsers.values():
        parser.set_defaults(run=run)
    return parsers


def attached() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that ask a running engine."""
    parent = argparse.ArgumentParser(add_help=False, parents=[at_socket()])
    parent.add_argument("--json", action="store_true", help="JSON as the local API gives it")
    return parent


def at_socket() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that need a running engine, whatever they print."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found by itself)")
    return parent


def attached_or_beside() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that ask a running engine, or do without one."""
    parent = attached()
    parent.add_argument(
        "--settings", type=Path, metavar="FILE", help="this settings file (TOML), without asking an engine"
    )
    return parent


def positive(text: str) -> float:
    """Return a number above 0, or refuse the argument."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def at_least_one(text: str) -> int:
    """Return a whole number above 0, or refuse the argument."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)
