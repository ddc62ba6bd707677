"""The commands that ask a running engine how things stand, or have calendars read anew."""

import argparse

from engine.cli.commands.parsers import Commands, attached, declare


def add(commands: Commands) -> None:
    """Declare `status`, `users`, `explain`, `hold`, `resync` and `events`."""
    texts = {
        "status": ("show how the engine is doing", "Shows links, counts and problems with their remedies."),
        "users": ("list users and their presence", "Lists the users that take part, and what the PBX shows."),
        "explain": ("say why a user's presence is what it is", "Shows everything about one user, with reasons."),
        "hold": ("show or confirm what is held", "Shows a change that would clear most presences, or lets it."),
        "resync": ("read calendars anew", "Has the calendars of some users, or of everybody, read anew now."),
        "events": ("show what happens", "Shows what happens in the engine until interrupted."),
    }
    parsers = declare(commands, texts, _run, attached())
    parsers["users"].add_argument("filter", nargs="*", metavar="FILTER", help="words that must all be found")
    parsers["explain"].add_argument("user", metavar="USER", help="name, display name, e-mail address or guid")
    parsers["hold"].add_argument("action", nargs="?", choices=["show", "confirm"], default="show", help="let it happen")
    parsers["resync"].add_argument("user", nargs="*", metavar="USER", help="as for explain; everybody if left out")
    parsers["resync"].add_argument("--resolve", action="store_true", help="look for the mailboxes anew before that")


def _run(options: argparse.Namespace) -> int:
    from engine.cli.attached import run_attached

    return run_attached(options)
