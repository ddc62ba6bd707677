"""What holds for every test: no connection leaves loopback, and no property fails for being slow on a busy machine."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import settings

from tests.support.quiescence import QuiescentLoop

LOOPBACK = ("127.", "::1", "localhost")


def _refuse_the_world(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise RuntimeError(f"a test tried to reach {address!r}")


sys.addaudithook(_refuse_the_world)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has it ignored in what runs in the background, and so it would be in every command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_xdist_auto_num_workers() -> int:
    """Half of the time a test waits: for a socket, a process, a terminal that is to come to rest."""
    processors = os.cpu_count() or 1
    return processors + min(processors, 4)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test may wait until nothing is left to do, and tell for how long its loop had nothing to do."""
    return {"quiescent": QuiescentLoop}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collection of garbage looks through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    """A command that is run within a test may set what is logged."""
    root, ours = logging.getLogger(), logging.getLogger("engine")
    handlers, levels = [*root.handlers], (root.level, ours.level)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
