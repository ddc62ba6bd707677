"""Entry point of `calendar-tui`: says what this version can do until the engine offers the API it attaches to."""

import argparse
import sys
from importlib.metadata import version


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and return the exit status (69, EX_UNAVAILABLE: there is nothing to attach to yet)."""
    parser = argparse.ArgumentParser(prog="calendar-tui", description=__doc__)
    parser.add_argument("--version", action="version", version=f"calendar-tui {version('calendar-tui')}")
    parser.parse_args(arguments)
    print(
        "calendar-tui: this version of the engine has no API to attach to yet.\n"
        "To see the engine at work: calendar-engine demo\n"
        "To run it: calendar-engine run --settings FILE",
        file=sys.stderr,
    )
    return 69
