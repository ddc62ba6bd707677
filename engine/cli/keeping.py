"""The commands that keep an engine going, as declared to argparse; their code is imported only when they run."""

import argparse
from pathlib import Path

from engine.cli.arguments import SubParsers, attached_or_beside, instance


def add_backup(commands: SubParsers) -> None:
    """Declare `backup` and `restore`."""
    backup = commands.add_parser(
        "backup",
        parents=[attached_or_beside()],
        help="write a backup",
        description="Writes settings, secrets and state to a new file, encrypted under a passphrase.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="output file, which must not exist yet")
    backup.set_defaults(run=_run_backup)
    restore = commands.add_parser(
        "restore",
        help="restore a backup",
        description="Puts everything of a backup in place on this machine, while no engine runs.",
    )
    place = restore.add_mutually_exclusive_group()
    place.add_argument("--settings", type=Path, metavar="FILE", help="where the settings file is to be")
    place.add_argument(
        "--instance",
        type=_instance_name,
        dest="name",
        metavar="NAME",
        help="restore that of the service calendar-engine@NAME",
    )
    restore.add_argument("--replace", action="store_true", help="replace what is set up here")
    restore.add_argument("file", type=Path, metavar="FILE", help="a backup, or a database kept from before an upgrade")
    restore.set_defaults(run=_run_restore)


def _run_backup(options: argparse.Namespace) -> int:
    from engine.cli.backup import run_backup

    return run_backup(options)


def _run_restore(options: argparse.Namespace) -> int:
    from engine.cli.backup import run_restore

    return run_restore(options)


def _instance_name(name: str) -> str:
    """Return the name of an instance of the service if it can be one."""
    instance(name)
    return name
