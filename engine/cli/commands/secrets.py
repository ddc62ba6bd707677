"""The commands that store secrets, whether or not an engine runs."""

import argparse

from engine.cli.commands.parsers import Commands, attached_or_beside, declare


def add(commands: Commands) -> None:
    """Declare `secret` and what can be done with it."""
    secret = commands.add_parser(
        "secret",
        help="store passwords",
        description="Stores the passwords that the engine needs, encrypted in its state directory.",
    )
    actions = secret.add_subparsers(dest="action", required=True)
    texts = {
        "list": ("list names and ages", "Lists the secrets there can be, where each comes from, and how old it is."),
        "set": ("store a secret", "Reads a secret from a prompt, or a line of standard input, and stores it."),
        "delete": ("remove a stored secret", "Removes a stored secret."),
        "rotate-key": ("encrypt with another key", "Encrypts the stored secrets with another key."),
    }
    parsers = declare(actions, texts, _run, attached_or_beside())
    for name in ("set", "delete"):
        parsers[name].add_argument("name", metavar="NAME", help="as in exchange.password; secret list has them all")


def _run(options: argparse.Namespace) -> int:
    from engine.cli.keep_secrets import run_secret

    return run_secret(options)
