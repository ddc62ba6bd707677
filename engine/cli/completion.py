"""What completes the command line in a shell, made from its parser."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for "bash" or "zsh"; where a path is meant, it completes names of files."""
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 (argparse has no public name for them)
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _actions(command)
