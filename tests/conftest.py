"""What holds for every test: no connection leaves loopback, and no property fails for being slow on a busy machine."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

LOOPBACK = ("127.", "::1", "localhost")


def _refuse_the_world(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise RuntimeError(f"a test tried to reach {address!r}")


sys.addaudithook(_refuse_the_world)
settings.register_profile("project", deadline=None)
settings.load_profile("project")


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
