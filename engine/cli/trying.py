"""The commands that try settings and go live, as declared to argparse; their code is imported only when they run."""

import argparse
import functools
from pathlib import Path

from engine.cli.arguments import SubParsers, attached, declare, positive


def add_trying(commands: SubParsers) -> None:
    """Declare `probe`, `access` and `preview`."""
    common = attached()
    probe = commands.add_parser(
        "probe",
        parents=[common],
        help="check the connection to the PBX or to Exchange",
        description="Checks each step from the server's name to a presence or calendar, with a remedy on failure.",
    )
    probe.add_argument("side", choices=("pbx", "exchange", "machine"), help="what to check")
    probe.add_argument(
        "--no-log-in",
        dest="log_in",
        action="store_false",
        help="check only what costs no log-in: name, port, certificate, clock",
    )
    probe.add_argument("--user", default="", metavar="USER", help="the user whose presence or calendar is read")
    probe.add_argument(
        "--learn",
        default="",
        metavar="USER",
        help="with pbx: find out with this user, who shows a test note for some seconds, how this PBX treats presences",
    )
    _add_changes(probe, "use another value for a setting; may be repeated")
    probe.set_defaults(run=functools.partial(_probe, probe))
    access = commands.add_parser(
        "access",
        parents=[common],
        help="try to read the calendar of everybody who takes part",
        description="Shows whose calendars can be read and, by cause, whose cannot, with the remedy.",
    )
    access.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each user to a file")
    access.add_argument("--who", action="store_true", help="only show who takes part, without trying calendars")
    access.add_argument("--again", default="", metavar="ID", help="try only those in vain of an earlier one")
    _add_changes(access, "use another value for a setting; may be repeated")
    access.set_defaults(run=_access)
    preview = commands.add_parser(
        "preview",
        parents=[common],
        help="show which presences other settings would change today",
        description="Compares all presences until the end of the day under other settings of presence or Exchange. "
        "With settings of Exchange all calendars are read by them as well.",
    )
    preview.add_argument("--now", action="store_true", help="compare what the PBX shows now with what would be written")
    preview.add_argument("--differing", action="store_true", help="with --now: only users who differ")
    preview.add_argument("--csv", type=Path, metavar="FILE", help="with --now: write it to this new file")
    _add_changes(preview, "use this value for a setting of presence or Exchange; may be repeated")
    preview.set_defaults(run=functools.partial(_preview, preview))


def _add_changes(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE", help=text)


def _probe(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from engine.cli.check import run_probe

    if options.learn and options.side != "pbx":
        parser.error("--learn is for pbx")
    if options.learn:
        return _run_live(options)
    return run_probe(options)


def _access(options: argparse.Namespace) -> int:
    from engine.cli.access import run_access

    return run_access(options)


def _preview(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from engine.cli.check import run_preview

    if not options.now and (options.differing or options.csv):
        parser.error("--differing and --csv are for --now")
    if options.now:
        return _run_live(options)
    return run_preview(options)


def add_live(commands: SubParsers) -> None:
    """Declare `go-live`, `go-back` and `remove`."""
    texts = {
        "go-live": ("write presences to the PBX", "Ends a dry run: writes the presences of everybody, or of pilots."),
        "go-back": (
            "go back to what was before going live",
            "Takes going live back, or begins a dry run, and clears what was written meanwhile.",
        ),
        "remove": (
            "take all presences out of the PBX",
            "Shows what calendar-engine leaves in the PBX and on this machine; with --clear, it takes its presences "
            "out of the PBX.",
        ),
    }
    parsers = declare(commands, texts, _run_live, attached())
    parsers["go-live"].add_argument(
        "--pilots", nargs="+", default=(), metavar="NAME", help="only these users (names in the PBX; * and ? allowed)"
    )
    parsers["go-live"].add_argument(
        "--confirm-within",
        type=positive,
        metavar="SECONDS",
        help="go back unless confirmed within this time (at least 10)",
    )
    parsers["go-back"].add_argument("--keep", action="store_true", help="leave in the PBX what was written")
    parsers["remove"].add_argument("--clear", action="store_true", help="end writing, and clear all presences")


def _run_live(options: argparse.Namespace) -> int:
    from engine.cli.live import run_live

    return run_live(options)
