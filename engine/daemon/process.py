"""Process settings: memory protection, file descriptor limit, garbage collection and exit."""

import contextlib
import ctypes
import gc
import logging
import os
import resource
import sys
from typing import NoReturn

PR_SET_DUMPABLE = 4
SWITCH_SECONDS = 0.0005
"""Thread switch interval of the interpreter in seconds; the default is ten times as long."""

MOST_FILES = 65536
"""Number of file descriptors requested, if the hard limit allows it."""


def protect_memory() -> None:
    """Protect passwords from core dumps and from other programs of the same account (prctl(2), ptrace(2))."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # prctl exists on Linux only
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def allow_many_files() -> None:
    """Raise the soft limit of file descriptors, which systemd and shells keep low for select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_for_good() -> None:
    """Exclude all existing objects, code and tables that stay until the end, from garbage collection.

    A full collection blocks for 0.7 µs per object, and these are more than 80,000.
    """
    gc.collect()
    gc.freeze()


def take_turns_quickly() -> None:
    """Reduce the delay of the event loop while a thread computes, such as the one that redacts a megabyte.

    After each wait the loop also has to wait for the thread: 9 ms with a hostile body, 5 ms with this setting.
    """
    sys.setswitchinterval(SWITCH_SECONDS)


def leave(status: int) -> NoReturn:
    """Exit the process at once, after everything is closed, flushing its output.

    Tearing down all modules takes nine tenths of the time of a stop, and seconds on a busy machine.
    """
    logging.shutdown()
    os._exit(status)
