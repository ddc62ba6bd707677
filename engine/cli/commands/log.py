"""The commands about the debug log: what was exchanged with Exchange, and whether it is captured."""

import argparse
import re
from pathlib import Path

from engine.cli.commands.parsers import Commands, at_least_one, at_socket, attached, declare

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add(commands: Commands) -> None:
    """Declare `log` with what belongs to it."""
    log = commands.add_parser(
        "log",
        help="look at what was exchanged with Exchange",
        description="Shows the debug log of requests to Exchange and its answers, exports it, and switches it.",
    )
    actions = log.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "show": ("list exchanges", "Lists exchanges, the newest last; or shows one, by its number, with its bodies."),
        "follow": ("show exchanges as they happen", "Shows exchanges as they happen until interrupted."),
        "stats": ("show figures", "Shows figures by operation and code."),
        "diagnose": ("say what went wrong", "Says what went wrong, why, and what to do about it."),
        "export": ("write exchanges to a file", "Writes exchanges to a file that nobody else can read."),
        "on": ("capture exchanges from now on", "Captures exchanges from now on: all, or of some mailboxes."),
        "off": ("capture exchanges no longer", "Captures exchanges no longer; those that are kept stay."),
    }
    parsers = declare(actions, texts, _run, attached(), export=at_socket())
    for name in ("show", "follow", "stats", "diagnose", "export"):
        parsers[name].add_argument("filter", nargs="*", metavar="FILTER", help="for instance user:alice is:error")
    parsers["show"].add_argument("--limit", type=at_least_one, default=100, metavar="N", help="the newest N (100)")
    parsers["show"].add_argument("--raw", action="store_true", help="bodies exactly as they are kept")
    export = parsers["export"]
    export.set_defaults(json=False)
    export.add_argument(
        "--format", choices=("bundle", "har", "curl"), default="bundle", help="a support bundle (zip), HAR 1.2, or curl"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="where to; it must not be there yet")
    export.add_argument("--limit", type=at_least_one, default=1000, metavar="N", help="at most N exchanges (1000)")
    export.add_argument("--persons", action="store_true", help="leave addresses, names and subjects as they are kept")
    parsers["on"].add_argument("--mailbox", action="append", default=[], metavar="ADDRESS", help="of this one alone")
    parsers["on"].add_argument(
        "--for", dest="seconds", type=_duration, metavar="TIME", help="then off, e. g. 30m or 2h"
    )


def _duration(text: str) -> int:
    found = re.fullmatch(r"(\d{1,7})([smhd])", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text} is no time like 90s, 30m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def _run(options: argparse.Namespace) -> int:
    from engine.cli.log import run_log

    return run_log(options)
