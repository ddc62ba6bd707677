"""The parser of the command lines of both programs."""

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class CommandParser(argparse.ArgumentParser):
    """Argument parser that fails if its output cannot be written, which that of the library ignores, and makes
    arguments visible that it quotes."""

    def error(self, message: str) -> NoReturn:
        """End with a message that may quote an argument."""
        from engine.display import visible  # only then: a program starts without what this needs

        super().error(visible(message))

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if message:
            (file or sys.stderr).write(message)
