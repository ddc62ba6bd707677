"""Generated requests over the real socket get answers that conform to the OpenAPI document."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from engine.exchange.errors import MailboxNotFound
from tests.support.eventually import PATIENCE
from tests.support.served_engine import InstantSource, people, served_engine

pytestmark = pytest.mark.slow

USERS = people(5)
EXAMPLES = int(os.environ.get("API_EXAMPLES", "6"))
LONGEST = 8000
"""What is longer than a request line may be does not get as far as the API."""
Operation: TypeAlias = "schemathesis.APIOperation[Any, Any, Any, Any]"
Case: TypeAlias = "schemathesis.Case[Any]"

REFUSALS = ["2xx", "404", "409", "412", "422", "428"]
"""What a request may get that fits the document: what it names need not exist, or may have changed."""


class UnixConnection(urllib3.connection.HTTPConnection):
    """HTTP over the Unix socket that stands in place of the host."""

    path = Path()

    def _new_conn(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.path))
        return connection


class UnixAdapter(HTTPAdapter):
    """Lets requests reach the socket at `path`, whatever host is asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._pool = urllib3.HTTPConnectionPool("localhost")
        self._pool.ConnectionCls = type("Connection", (UnixConnection,), {"path": path})

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[requests.Session]:
    """An engine on a thread of its own, since schemathesis asks and waits."""
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    sockets: list[Path] = []
    ready = threading.Event()

    async def serve() -> None:
        stopped = asyncio.Event()
        source = InstantSource()
        source.failures["user2@corp.example"] = MailboxNotFound("it is not in the directory")
        async with served_engine(tmp_path_factory.mktemp("api"), USERS, source=source) as served:
            await served.settled()
            stop.append((asyncio.get_running_loop(), stopped))
            sockets.append(served.socket)
            ready.set()
            await stopped.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    with requests.Session() as asking:
        asking.mount("http://", UnixAdapter(sockets[0]))
        yield asking
    loop, stopped = stop[0]
    loop.call_soon_threadsafe(stopped.set)
    thread.join(20)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(session: requests.Session, mode: GenerationMode) -> None:
    """An event stream has no end, and is looked at elsewhere."""
    document = session.get("http://localhost/v1/openapi.json").json()
    described = schemathesis.openapi.from_dict(document).exclude(path="/v1/events")
    described.config.checks.positive_data_acceptance.expected_statuses = REFUSALS
    operations = [result.ok() for result in described.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == sum(len(each) for each in document["paths"].values()) - 1
    for operation in operations:
        if mode is GenerationMode.POSITIVE or takes_something(operation):
            ask_again_and_again(session, cases(operation, mode))


def takes_something(operation: Operation) -> bool:
    return bool(operation.body or operation.query)


def cases(operation: Operation, mode: GenerationMode) -> st.SearchStrategy[Case]:
    """Made-up ids are never those of a user, so every other case has a real one."""
    if "{guid}" not in operation.path:
        return operation.as_strategy(mode)
    return operation.as_strategy(mode) | operation.as_strategy(mode, path_parameters={"guid": USERS[1].guid})


def ask_again_and_again(session: requests.Session, cases: st.SearchStrategy[Case]) -> None:
    @given(cases)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: Case) -> None:
        assume(len(case.as_curl_command()) < LONGEST)
        case.call_and_validate(session=session, base_url="http://localhost")

    ask()
