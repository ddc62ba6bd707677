"""The commands that keep an engine going, as declared to argparse; their code is imported only when they run."""

import argparse
import re
from pathlib import Path

from engine.cli.arguments import SubParsers, at_socket, attached_or_beside, instance_name, positive


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
        type=instance_name,
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


def add_health(commands: SubParsers) -> None:
    """Declare `health`."""
    health = commands.add_parser(
        "health",
        parents=[at_socket()],
        help="tell a monitoring system how the engine is",
        description="Prints the health in one line, with figures, and exits with 0 (OK), 1 (warning), 2 (critical) or "
        "3 (unknown), as plugins of Nagios and Icinga do.",
    )
    texts = {
        "no-calendar": "from so many users without a readable calendar on",
        "refused": "from so many users on whose presence the PBX refuses",
        "age": "from so many seconds on since the oldest reading of a calendar",
        "expires": "below so many days until a certificate or secret ends (30,7)",
    }
    for name, text in texts.items():
        health.add_argument(f"--{name}", type=_limits, metavar="WARNING[,CRITICAL]", help=text)
    health.add_argument("--timeout", type=positive, default=10.0, metavar="SECONDS", help="wait so long (10)")
    health.set_defaults(run=_run_health)


def _limits(text: str) -> tuple[float, float | None]:
    """Parse one or two whole numbers."""
    found = re.fullmatch(r"(\d{1,9})(?:,(\d{1,9}))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is not a limit such as 5 or 5,20")
    return float(found[1]), float(found[2]) if found[2] else None


def _run_health(options: argparse.Namespace) -> int:
    from engine.cli.health import run_health

    return run_health(options)
