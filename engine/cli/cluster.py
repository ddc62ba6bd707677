"""The commands about engines that share their users, as declared to argparse; their code is imported only when they
run.
"""

import argparse

from engine.cli.arguments import SubParsers, attached, declare


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
    }
    parsers = declare(actions, texts, _run_cluster, attached())
    for name in ("drain", "undrain"):
        parsers[name].add_argument(
            "node", nargs="?", default="", metavar="NODE", help="the name of the node (default: the one that is asked)"
        )


def _run_cluster(options: argparse.Namespace) -> int:
    from engine.cli.nodes import run_cluster

    return run_cluster(options)
