"""The commands about engines that share their users, as declared to argparse; their code is imported only when they
run.
"""

import argparse
from pathlib import Path

from engine.cli.arguments import SubParsers, attached, declare, instance_name


def add_cluster(commands: SubParsers) -> None:
    """Declare `cluster` and its subcommands."""
    cluster = commands.add_parser(
        "cluster",
        help="show and steer engines that share their users",
        description="Shows the engines that share their users over one database, and says which of them has users.",
    )
    actions = cluster.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "status": ("show the nodes", "Shows every node with its users, the shards, the database, and who is gone."),
        "drain": ("have a node hand over its users", "Has a node hand over all its users, as before it is stopped."),
        "undrain": ("let a node have users again", "Lets a node have users again after it was drained."),
        "resume": (
            "have a node write again",
            "Has a node write again that has stopped because another program wrote the same presences.",
        ),
    }
    parsers = declare(actions, texts, _run_cluster, attached())
    for name in ("drain", "undrain", "resume"):
        parsers[name].add_argument(
            "node", nargs="?", default="", metavar="NODE", help="the name of the node (default: the one that is asked)"
        )
    _add_joining(actions)


def _add_joining(actions: SubParsers) -> None:
    """Declare what is done while the engine of this machine is stopped: `join`, `leave` and `migrate`."""
    texts = {
        "join": (
            "take the engine of this machine into the cluster",
            "Takes the engine of this machine, which is stopped, into the cluster of the database in its settings.",
        ),
        "leave": (
            "take the engine of this machine out of the cluster",
            "Takes the engine of this machine, which is stopped, out of its cluster; the last one takes all back.",
        ),
        "migrate": (
            "bring the database up to date",
            "Makes the additions to the tables of the database that a newer version needs. Engines may run.",
        ),
    }
    for name, (short, text) in texts.items():
        parser = actions.add_parser(name, help=short, description=text)
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--settings", type=Path, metavar="FILE", help="the settings file (found automatically)")
        place.add_argument(
            "--instance", type=instance_name, dest="name", metavar="NAME", help="the service calendar-engine@NAME"
        )
        parser.add_argument("--secrets", type=Path, metavar="FILE", help="passwords, as for run")
        parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")
        how = parser.add_mutually_exclusive_group()
        if name == "join":
            how.add_argument("--create", action="store_true", help="also make roles and tables, as the role of --as")
        if name != "leave":
            how.add_argument("--sql", action="store_true", help="print what an administrator of the database executes")
            parser.add_argument(
                "--as",
                dest="role",
                default="calendar_engine_owner",
                metavar="ROLE",
                help="role that may make and change tables (calendar_engine_owner); its password is asked for",
            )
        else:
            parser.add_argument(
                "--last", action="store_true", help="take all back although others are stopped and have not left"
            )
        if name != "migrate":
            how.add_argument("--check", action="store_true", help="say what would happen, and change nothing")
        parser.set_defaults(run=_run_joining)


def _run_cluster(options: argparse.Namespace) -> int:
    from engine.cli.nodes import run_cluster

    return run_cluster(options)


def _run_joining(options: argparse.Namespace) -> int:
    from engine.store.postgres_client import client_needed

    with client_needed():
        from engine.cli.joining import run_joining
    return run_joining(options)
