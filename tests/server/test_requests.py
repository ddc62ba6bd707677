"""Invalid, hostile and incomplete requests get a clear answer, and affect nobody else."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.schema import ResyncQuestion
from engine.server.event_stream import StreamTimeouts
from engine.server.http import LARGEST_BODY, ApiError, invalid
from tests.support.eventually import PATIENCE, eventually
from tests.support.idle_time import idle_seconds
from tests.support.quiescence import quiescence
from tests.support.served_engine import ServedEngine, people, served_engine

USERS = people(3)
NEVER_THE_SAME = ("/v1/events", "/v1/metrics", "/v1/log/bundle")
FIGURES_OF_THE_PROCESS = {"open_files", "loop_lag"}
ONLY_ASKING: set[tuple[str, str]] = set()
"""Requests that are not made with GET and yet change nothing."""


async def ask(served: ServedEngine, method: str, path: str, body: bytes = b"", *, twin: bool = False) -> Any:
    socket = served.read_only if twin else served.socket
    async with served.session(socket).request(method, path, data=io.BytesIO(body)) as response:
        assert response.headers["Calendar-Engine-Version"]
        if response.status >= 400:
            assert response.content_type == "application/problem+json"
            problem = await response.json(content_type=None)
            assert problem["status"] == response.status
            assert problem["title"]
            return problem
        return await response.json()


@pytest.mark.slow
async def test_the_read_only_socket_changes_nothing(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        paths = (await served.get("/v1/openapi.json"))["paths"]
        every = {(method.upper(), path) for path, each in paths.items() for method in each}
        changing = {request for request in every if request[0] != "GET"} - ONLY_ASKING
        assert len(changing) >= 5
        before = await state_of(served, every - changing - ONLY_ASKING)
        for method, path in changing:
            for body in (b"", b"{}", b"\xff"):
                problem = await ask(served, method, real(path), body, twin=True)
                assert (problem["status"], problem["type"]) == (403, "read-only"), (method, path)
                assert "engine.socket_group" in problem["hint"]
        assert await state_of(served, every - changing - ONLY_ASKING) == before
        assert (served.api_state.operations.all(), served.api_state.audit.entries()) == ((), ())


def real(path: str) -> str:
    return path.replace("{guid}", USERS[0].guid).replace("{id}", "1").replace("{name}", "pbx.password")


async def state_of(served: ServedEngine, requests: set[tuple[str, str]]) -> dict[str, str]:
    """Return everything that can be read, but for the events, what tells the time and the figures of the process."""
    session = served.session(served.read_only)
    paths = sorted(path for _, path in requests if path not in NEVER_THE_SAME and "id}" not in path)
    found: dict[str, str] = {}
    for path in paths:
        async with session.get(real(path)) as response:
            found[path] = await response.text()
    status = json.loads(found["/v1/status"])
    found["/v1/status"] = json.dumps({key: value for key, value in status.items() if key not in FIGURES_OF_THE_PROCESS})
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/", 404, "no-such-path"),
        ("GET", "/v2/status", 404, "no-such-path"),
        ("POST", "/v1/status", 405, "method-not-allowed"),
        ("GET", "/v1/users/nobody", 404, "not-found"),
        ("POST", "/v1/users/nobody/resync", 404, "not-found"),
        ("GET", "/v1/operations/1", 404, "not-found"),
        ("DELETE", "/v1/operations/%00", 404, "not-found"),
        ("GET", "/v1/users?sort=shoe+size", 400, "invalid-query"),
        ("GET", "/v1/users?page=0", 400, "invalid-query"),
        ("GET", "/v1/users?per_page=1001", 400, "invalid-query"),
        ("GET", "/v1/users?colour=red", 400, "invalid-query"),
        ("GET", "/v1/events?topics=users,shoes", 400, "invalid-query"),
    ],
)
async def test_requests_that_cannot_be_answered(tmp_path: Path, method: str, path: str, status: int, slug: str) -> None:
    async with served_engine(tmp_path, USERS) as served:
        problem = await ask(served, method, path)
    assert (problem["status"], problem["type"]) == (status, slug)
    if slug == "invalid-query":
        assert problem["fields"][0]["pointer"] == "?" + path.partition("?")[2].partition("=")[0]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[]", ""),
        (b'{"users": 1}', "/users"),
        (b'{"users": ["a", 1]}', "/users/1"),
        (b'{"users": [""]}', "/users/0"),
        (b'{"people": []}', "/people"),
        (b'{"users": ["nobody"]}', "/users/0"),
        (b"[" * 100_000, ""),
        (b'{"users": ' + b"[" * 100_000, "/users/0"),
    ],
)
async def test_bodies_that_do_not_fit_name_the_field(tmp_path: Path, body: bytes, pointer: str | None) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        problem = await ask(served, "POST", "/v1/resync", body)
        assert served.api_state.operations.all() == ()
    assert problem["status"] in (400, 422)
    assert [field["pointer"] for field in problem["fields"]] == ([] if pointer is None else [pointer])


async def test_a_huge_body_is_refused(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        problem = await ask(served, "POST", "/v1/resync", b'"' + b"x" * (LARGEST_BODY + 1) + b'"')
        assert (problem["status"], problem["type"]) == (413, "too-large")
        assert (await served.get("/v1/status"))["users"] == 3


async def test_a_body_without_an_end_is_refused(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    async with served_engine(tmp_path, USERS) as served:
        async with served.session().post("/v1/resync", data=endless()) as response:
            assert response.status == 413
        assert served.api_state.operations.all() == ()


JSON_VALUES = st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists)
BODIES = st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps({"users": value}).encode())


@pytest.mark.slow
@given(st.lists(BODIES, min_size=10, max_size=30))
@settings(max_examples=5)
def test_no_body_gets_anything_but_a_clear_answer(bodies: list[bytes]) -> None:
    async def fuzz(directory: str) -> None:
        async with served_engine(Path(directory), USERS) as served:
            for body in bodies:
                problem = await ask(served, "POST", "/v1/resync", body)
                assert problem.get("status", 202) < 500

    with TemporaryDirectory() as directory:
        asyncio.run(fuzz(directory))


def test_a_field_with_odd_letters_has_a_valid_pointer() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"a/b~c": 1}', type=ResyncQuestion)
    refused = invalid("body", caught.value, in_query=False)
    assert isinstance(refused, ApiError)
    assert refused.problem.fields[0].pointer == "/a~1b~0c"


async def test_half_requests_hold_up_neither_others_nor_the_end(tmp_path: Path) -> None:
    halves = [b"", b"GET /v1/sta", b"POST /v1/resync HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"]
    callers: list[socket.socket] = []
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        for half in halves * 10:
            callers.append(socket.socket(socket.AF_UNIX))
            callers[-1].connect(str(served.socket))
            callers[-1].sendall(half)
        await quiescence()
        assert (await served.get("/v1/status"))["users"] == 3
        before = idle_seconds()
    assert idle_seconds() - before < 2
    for caller in callers:
        caller.close()


def _rest(peer: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while chunk := peer.recv(100_000):
            received += chunk
    return received


@pytest.mark.slow
async def test_who_takes_no_answer_is_cut_off(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(2000), patience=StreamTimeouts(stalled=0.2)) as served:
        await served.settled()
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect(str(served.socket))
            deaf.sendall(b"GET /v1/users?per_page=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await eventually(lambda: served.api_state.counters.answers_cut_off == 1)
            deaf.settimeout(PATIENCE)
            received = await asyncio.to_thread(_rest, deaf)
            assert received.startswith(b"HTTP/1.1 200")
            assert not received.endswith(b"]}")
        async with served.session().get("/v1/metrics") as response:
            assert "calendar_engine_answers_cut_off_total 1" in await response.text()


async def test_whoever_hangs_up_in_the_middle_is_nothing_to_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_engine(tmp_path, USERS) as served:
        for half in (b"GET /v1/sta", b"POST /v1/resync HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(served.socket))
                caller.sendall(half)
                await quiescence()
        await quiescence()
        assert served.api_state.operations.all() == ()
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_what_is_no_http_is_refused(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        reader, writer = await asyncio.open_unix_connection(str(served.socket))
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00 hello\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))


async def test_a_mistake_of_ours_is_told_without_its_insides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_engine(tmp_path, USERS) as served:
        monkeypatch.setattr(served.api_state, "status", lambda: 1 // 0)
        problem = await ask(served, "GET", "/v1/status")
    assert (problem["status"], problem["type"]) == (500, "engine-mistake")
    assert "ZeroDivision" not in json.dumps(problem)
    assert "ZeroDivisionError" in caplog.text


async def test_the_log_names_the_actor_of_every_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        operation = await ask(served, "POST", f"/v1/users/{USERS[1].guid}/resync")
        await ask(served, "DELETE", f"/v1/operations/{operation['id']}")
        entries = (await served.get("/v1/audit"))["entries"]
    lines = [record.getMessage() for record in caplog.records if record.name == "engine.server.state"]
    assert len(lines) == 2
    assert USERS[1].guid in lines[0]
    assert all(f"pid {entries[0]['actor']['pid']}" in line for line in lines)
    assert [entry["action"] for entry in entries] == ["cancel", "resync"]
