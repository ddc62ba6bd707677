"""The commands about log-ins that are paused, whether or not an engine runs."""

import argparse

from engine.cli.commands.parsers import Commands, attached_or_beside, declare


def add(commands: Commands) -> None:
    """Declare `log-in` and what can be done with it."""
    log_in = commands.add_parser(
        "log-in",
        help="see and end pauses of log-ins",
        description="Log-ins with a secret that is not proved right are few, so that no account is locked.",
    )
    actions = log_in.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("list log-ins", "Lists the accounts that were logged in as, and until when each is paused."),
        "retry": ("try once more", "Lets one more log-in be tried with every account that is paused."),
    }
    declare(actions, texts, _run, attached_or_beside())


def _run(options: argparse.Namespace) -> int:
    from engine.cli.log_ins import run_log_in

    return run_log_in(options)
