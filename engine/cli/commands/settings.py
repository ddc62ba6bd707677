"""The commands that show, check and change settings, whether or not an engine runs."""

import argparse

from engine.cli.commands.parsers import Commands, attached_or_beside, declare, positive


def add(commands: Commands) -> None:
    """Declare `config` and what can be done with it."""
    config = commands.add_parser(
        "config",
        help="show, check and change settings",
        description="Shows, checks and changes settings: those of a running engine, or else the settings file itself.",
    )
    actions = config.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("show every setting", "Shows every setting with its value and where that comes from."),
        "get": ("show one setting", "Shows the value of one setting."),
        "set": ("change settings", "Puts other values into the file and into force: all of them, or none."),
        "check": ("check the file, or a change", "Says what is wrong with the file, or what a change would do."),
        "history": ("list the last versions", "Lists the last versions and what was changed."),
        "rollback": ("go back to an earlier version", "Puts an earlier version into force again."),
        "confirm": ("let the last change stand", "Lets a change stand that waits to be confirmed."),
        "schema": ("describe every setting", "Says what each setting is for, and what it may be."),
    }
    parsers = declare(actions, texts, _run, attached_or_beside())
    parsers["get"].add_argument("key", metavar="KEY", help="as in presence.language")
    change = "KEY=VALUE; KEY= for the default"
    parsers["set"].add_argument("changes", nargs="+", metavar="KEY=VALUE", help=change)
    parsers["set"].add_argument(
        "--confirm-within",
        type=positive,
        metavar="SECONDS",
        help="roll back unless it is confirmed by then (at least 10)",
    )
    parsers["check"].add_argument("changes", nargs="*", metavar="KEY=VALUE", help=change)
    parsers["rollback"].add_argument(
        "version",
        nargs="?",
        type=int,
        metavar="VERSION",
        help="number of the version; if left out, the one before that in force",
    )


def _run(options: argparse.Namespace) -> int:
    from engine.cli.config import run_config

    return run_config(options)
