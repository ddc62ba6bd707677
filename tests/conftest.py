"""What holds for every test, and what most begin with: a company, its people's calendars, and a clock moved by hand.

No connection leaves loopback, and no property fails for being slow on a busy machine. Engines are not fixtures: a test
begins one where it says how, and waits with `eventually`. From small to whole, in tests/support:

- `api.served_engine`: an engine whose calendars and PBX answer at once, and its API at a real socket
- `site.running_site` and `running_engine`: both simulators over real sockets, and the real engine
- `service.running_service`: the same with settings and passwords that change, and the API
- `parts.running`: all that `calendar-engine run` has, for mistakes that are planted in it
- `command.command` and `pty.on_terminal`: the programs themselves as processes
- `postgres.PostgresServer`: a real PostgreSQL; the fixture `postgres` is the one that all tests share
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import Company
from engine.simulator.graph.server import GraphSimulator
from engine.simulator.world import World, corp_world
from tests.support.checked_graph import Checked
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE
from tests.support.quiescence import QuiescentLoop
from tests.support.site import ews_schema
from tests.support.worlds import few_people

if TYPE_CHECKING:  # libpq takes longer to load than most tests take
    from tests.support.postgres import PostgresDatabase, PostgresServer

LOOPBACK = ("127.", "::1", "localhost")


_unmarked = ""
"""The test that runs, if it may start no process."""


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and _unmarked:
        raise RuntimeError(f"{_unmarked} starts a process and is not marked so: pytest.mark.process")
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise RuntimeError(f"a test tried to reach {address!r}")


sys.addaudithook(_refuse)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has it ignored in what runs in the background, and so it would be in every command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_xdist_auto_num_workers() -> int:
    """Most of the time a test waits: for a socket, a process, a terminal that is to come to rest."""
    processors = os.cpu_count() or 1
    return processors + min(2 * processors, 4)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test may wait until nothing is left to do, and tell for how long its loop had nothing to do."""
    return {"quiescent": QuiescentLoop}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark those with random inputs, which the library knows of, and those that start a process by what they use."""
    test = getattr(item, "obj", None)
    if getattr(test, "is_hypothesis_test", False) or hasattr(getattr(item, "cls", None), "settings"):
        item.add_marker(pytest.mark.property)
    if item.get_closest_marker("pty") or "postgres" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.process)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first, in random order like the others, so that no slow one is left for the end.

    Each worker starts with an equal part of the list; one that has finished takes tests from the end of another's.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = [item for first in range(workers) for item in items[first::workers]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """See that whoever starts a process is marked so."""
    global _unmarked
    _unmarked = "" if item.get_closest_marker("process") else item.nodeid
    try:
        return (yield)
    finally:
        _unmarked = ""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collection of garbage looks through it again.

    Tests make many objects that live shortly, and little garbage: looking for it less often saves about a twentieth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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


@pytest.fixture(autouse=True)
def _what_graph_hears_and_says(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever begins a simulated Graph has it checked by Microsoft's schema, and need not remember to."""
    observers: list[Checked] = []
    begin = GraphSimulator.__init__

    def begin_checked(self: GraphSimulator, *given: Any, **options: Any) -> None:
        if options.get("observe") is None:
            observers.append(Checked())
            options["observe"] = observers[-1]
        begin(self, *given, **options)

    monkeypatch.setattr(GraphSimulator, "__init__", begin_checked)
    yield
    assert [finding for observer in observers for finding in observer.findings] == []


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """A company and its calendars on Monday, 2 March 2026. Tests that are marked `few` get eleven of its people."""
    monday = date(2026, 3, 2)
    return few_people(monday) if request.node.get_closest_marker("few") else corp_world(monday)


@pytest.fixture
def clock(world: World) -> ManualClock:
    """Calendar time: twenty past nine, when appointments have begun and others are to end."""
    return ManualClock(world.instant("09:20"))


@pytest.fixture
def company(world: World, clock: ManualClock, tmp_path: Path) -> Company:
    """Its Exchange, which validates every request, and its PBX; `async with company` begins them."""
    return Company(world, tmp_path, clock, schema=ews_schema())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PostgresServer]":
    """A PostgreSQL that all processes of this run share, begun by the first test that needs it."""
    from tests.support.postgres import shared_server

    own = tmp_path_factory.getbasetemp()
    with shared_server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


@pytest.fixture
def _patience_with_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long on a busy machine is no sign of anything: the limits of the product are tested one by one."""
    from engine.store.postgres import database

    for limit in ("TURN_WITHIN", "CONNECT_WITHIN", "DONE_WITHIN", "STATEMENT_WITHIN", "LOCK_WITHIN"):
        monkeypatch.setattr(database, limit, PATIENCE)


@pytest.fixture
def empty_database(postgres: "PostgresServer", _patience_with_postgres: None) -> "Iterator[PostgresDatabase]":
    """A database in it with nothing in it."""
    with postgres.database() as database:
        yield database


@pytest.fixture
def cluster_database(postgres: "PostgresServer", _patience_with_postgres: None) -> "Iterator[PostgresDatabase]":
    """A database in it with the tables that engines share."""
    with postgres.database(postgres.prepared()) as database:
        yield database
