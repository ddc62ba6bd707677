"""What a command line offers, whatever commands there are.

argparse has no public name for the arguments of a parser, nor for the type of its commands.
"""

import argparse
from collections.abc import Iterator, Sequence


def arguments(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """Return all arguments of a parser, options among them."""
    return parser._actions


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long names of all options but --help."""
    return {name for each in arguments(parser) for name in each.option_strings if name.startswith("--")} - {"--help"}


def commands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command that does something, by its full name."""
    nested = [each.choices for each in arguments(parser) if isinstance(each, argparse._SubParsersAction)]
    if not nested:
        yield path, parser
    for choices in nested:
        for name, command in choices.items():
            yield from commands(command, f"{path} {name}".strip())
