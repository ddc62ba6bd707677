"""What this process may do, what others may learn from it, and how it ends."""

import contextlib
import ctypes
import gc
import logging
import os
import resource
import sys
from collections.abc import MutableMapping
from typing import NoReturn

from engine.store.secrets import ENVIRONMENT

PR_SET_DUMPABLE = 4
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while another one wants it; ten times as long unless it is set."""

MOST_FILES = 65536
"""So many file descriptors are asked for, where the hard limit allows that many."""


def protect_memory() -> None:
    """Keep passwords out of core dumps, and from other programs of the same account (prctl(2), ptrace(2))."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # prctl is there on Linux alone
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def allow_many_files() -> None:
    """Raise the limit of file descriptors as far as that needs no right; systemd and shells set it for select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_for_good() -> None:
    """Have the garbage collector leave out what there is by now: code and tables, which stay until the end.

    A full collection holds everything up for 0.7 µs per object it looks at, and this is a good 80,000 of them.
    """
    gc.collect()
    gc.freeze()


def take_turns_quickly() -> None:
    """Let the loop go on sooner while a thread computes, such as the one that blanks secrets in a megabyte.

    Each time it has waited for something, the loop has to wait for the thread as well: for 9 ms of a hostile body, and
    for 5 ms this way.
    """
    sys.setswitchinterval(SWITCH_SECONDS)


def taken_environment(environment: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment as it is, and leave no secret in it: for programs that this one starts, or a crash."""
    taken = dict(environment)
    for name in ENVIRONMENT.values():
        environment.pop(name, None)
    return taken


def leave(status: int) -> NoReturn:
    """End the process at once, with everything of ours closed and its output flushed.

    The interpreter would take all its modules apart one by one: nine tenths of a stop, and seconds on a busy machine.
    """
    logging.shutdown()
    os._exit(status)
