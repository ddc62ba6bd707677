"""Arguments that several commands share, and how groups of commands are declared to argparse."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from engine.api.paths import instance_socket


class SubParsers(Protocol):
    """The object that commands are added to; argparse has no public name for its type."""

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


def declare(
    commands: SubParsers,
    texts: Mapping[str, tuple[str, str]],
    run: Callable[[argparse.Namespace], int],
    parent: argparse.ArgumentParser,
    **others: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser]:
    """Declare commands implemented by `run`, and return their parsers by name.

    `texts` has help and description of each; `others` the parents of those with another one than `parent`.
    """
    parsers = {
        name: commands.add_parser(name, parents=[others.get(name, parent)], help=short, description=text)
        for name, (short, text) in texts.items()
    }
    for parser in parsers.values():
        parser.set_defaults(run=run)
    return parsers


def attached() -> argparse.ArgumentParser:
    """Return a parent for the parsers of commands that query a running engine."""
    parent = argparse.ArgumentParser(add_help=False, parents=[at_socket()])
    parent.add_argument("--json", action="store_true", help="JSON as the local API gives it")
    return parent


def at_socket() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that need a running engine."""
    parent = argparse.ArgumentParser(add_help=False)
    engine = parent.add_mutually_exclusive_group()
    engine.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found automatically)")
    engine.add_argument(
        "--instance", type=instance, dest="socket", metavar="NAME", help="that of the service calendar-engine@NAME"
    )
    return parent


def instance(name: str) -> Path:
    """Parse the name of an instance of the service into the path of its socket."""
    try:
        return instance_socket(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def instance_name(name: str) -> str:
    """Parse the name of an instance of the service."""
    instance(name)
    return name


def attached_or_beside() -> argparse.ArgumentParser:
    """Return a parent for the parsers of commands that work with or without a running engine."""
    parent = attached()
    parent.add_argument(
        "--settings", type=Path, metavar="FILE", help="this settings file (TOML), without asking an engine"
    )
    return parent


def positive(text: str) -> float:
    """Parse a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def at_least_one(text: str) -> int:
    """Parse a whole number above 0."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)
