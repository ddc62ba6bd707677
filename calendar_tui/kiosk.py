"""Kiosk: the program as all that an account can do, as its shell or by ForceCommand of sshd_config(5)."""

import contextlib
import os
import pwd
import resource
import shlex
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from engine.api.paths import SERVICE_SOCKET

PROGRAM = "calendar-tui"

IDLE = 900.0
"""Seconds without a key after which the session ends."""

FILES = "files"
"""The directory in the home of the account to which files are written, if it exists."""

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; an export of the log with many bodies has as many."""

NEEDED = frozenset({"TERM", "COLORTERM", "NO_COLOR", "LANG", "HOME", "USER", "LOGNAME", "TZ"})
"""The environment that is left, with LC_*: others of Textual, Python and pagers start programs and write files."""


class CommandRefused(Exception):
    """The account asked for another program than this one."""


def is_shell() -> bool:
    """Return whether this program is the shell of the account, which then has a kiosk whatever the options."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_shell).name == PROGRAM
    except KeyError:
        return False


def arguments_of_shell(arguments: Sequence[str]) -> list[str]:
    """Return the arguments for a shell's: sshd runs the command of ForceCommand as `-c COMMAND`.

    Raises `CommandRefused` unless the command is this program as a kiosk.
    """
    if not arguments or arguments[0] != "-c":
        return list(arguments)
    try:
        [program, *others] = shlex.split(" ".join(arguments[1:]))
    except ValueError:
        program, others = "", []
    if Path(program).name != PROGRAM or "--kiosk" not in others:
        raise CommandRefused("This account shows calendar-tui and runs no other command.")
    return others


def is_of_service(socket: Path) -> bool:
    """Return whether this is the socket of an instance of the service."""
    service = SERVICE_SOCKET.parent
    return socket.parent.parent == service.parent and socket.parent.name.startswith(f"{service.name}@")


def confine(environment: MutableMapping[str, str] = os.environ) -> None:
    """Leave nothing of the environment that could start, read or write something else, and go to the one directory for
    files; without it nothing can be written. Must be called before anything of Textual is imported."""
    for name in [name for name in environment if name not in NEEDED and not name.startswith("LC_")]:
        del environment[name]
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    os.chdir("/")
    with contextlib.suppress(OSError, KeyError):
        os.chdir(Path(pwd.getpwuid(os.getuid()).pw_dir) / FILES)
