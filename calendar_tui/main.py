"""Entry point of `calendar-tui`: says what there is instead, until it attaches to the engine's API."""

import argparse
import sys
from importlib.metadata import version


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and return the exit status (69, EX_UNAVAILABLE)."""
    parser = argparse.ArgumentParser(prog="calendar-tui", description=__doc__)
    parser.add_argument("--version", action="version", version=f"calendar-tui {version('calendar-tui')}")
    parser.parse_args(arguments)
    print(
        "calendar-tui: this version cannot show the engine yet.\n"
        "To ask it: calendar-engine status, users, explain, events\n"
        "To see it at work: calendar-engine demo",
        file=sys.stderr,
    )
    return 69
