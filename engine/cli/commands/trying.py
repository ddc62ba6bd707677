"""The commands that try something without changing anything: probes, and the preview."""

import argparse

from engine.cli.commands.parsers import Commands, attached


def add(commands: Commands) -> None:
    """Declare `probe` and `preview`."""
    common = attached()
    probe = commands.add_parser(
        "probe",
        parents=[common],
        help="try the way to the PBX or to Exchange",
        description="Climbs from the name of the server to a presence or calendar, and says what to do where it fails.",
    )
    probe.add_argument("side", choices=("pbx", "exchange"), help="which side to try")
    probe.add_argument("--user", default="", metavar="USER", help="whose presence or calendar is looked at")
    _add_changes(probe, "try it with another value of a setting; may be repeated")
    probe.set_defaults(run=_probe)
    preview = commands.add_parser(
        "preview",
        parents=[common],
        help="show whose presence other settings would change today",
        description="Compares the presence of everybody until the end of the day under other presence settings.",
    )
    _add_changes(preview, "what if this setting of presence had that value; may be repeated")
    preview.set_defaults(run=_preview)


def _add_changes(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE", help=text)


def _probe(options: argparse.Namespace) -> int:
    from engine.cli.trying import run_probe

    return run_probe(options)


def _preview(options: argparse.Namespace) -> int:
    from engine.cli.trying import run_preview

    return run_preview(options)
