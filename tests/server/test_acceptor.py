"""The sockets under attack: clients that open connections or send invalid HTTP use limited resources."""

import asyncio
import contextlib
import functools
import io
import logging
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from engine.daemon.log_formats import text_on
from engine.daemon.log_handler import LogHandler
from engine.server import acceptor, process_health
from engine.server.acceptor import limits_here
from engine.server.event_stream import StreamTimeouts
from engine.server.metrics import Counters
from tests.support.eventually import PATIENCE, eventually
from tests.support.served_engine import people, served_engine

USERS = people(3)
SECRET = b"Bearer hunter2-in-a-header"
MALFORMED = [
    b"\x16\x03\x01\x02\x00\x01\x00 hello\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization " + SECRET + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00" + SECRET + b"\r\n\r\n",
    b"GET /\xff HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: " + SECRET + b"\r\n\r\n",
    b"POST /v1/resync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRET + b"\r\n",
    b"POST /v1/resync HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 26\r\n\r\n" + SECRET,
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
]


def caller(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(path))
    return made


def is_cut(made: socket.socket) -> bool:
    made.setblocking(False)
    try:
        return made.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that this process would write to its log."""
    stream = io.StringIO()
    handler = LogHandler(text_on(stream))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.slow
async def test_idle_connections_take_neither_others_place_nor_all_descriptors(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        before = len(os.listdir("/proc/self/fd"))
        idle = []
        for _ in range(600):
            idle.append(await asyncio.to_thread(caller, served.read_only))
        try:
            for _ in range(5):
                assert (await served.get("/v1/status", served.read_only))["users"] == 3
                assert (await served.get("/v1/status"))["users"] == 3
            ours = len(os.listdir("/proc/self/fd")) - before - len(idle)
            assert ours < acceptor.MOST + 20
            assert served.api_state.counters.connections_cut >= len(idle) - acceptor.MOST
        finally:
            for each in idle:
                each.close()


async def test_who_asks_for_nothing_in_time_is_cut(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(request=0.1, kept_open=0.2)) as served:
        await served.settled()
        silent, half = caller(served.socket), caller(served.socket)
        half.sendall(b"GET /v1/sta")
        await eventually(lambda: is_cut(silent) and is_cut(half))
        kept = caller(served.socket)
        kept.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: not is_cut(kept))
        await eventually(lambda: served.api_state.counters.connections_cut == 3)
        for each in (silent, half, kept):
            each.close()


async def test_a_connection_that_was_answered_on_is_kept_for_the_time_http_clients_expect(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(request=0.1, kept_open=1000)) as served:
        await served.settled()
        kept, silent = caller(served.socket), caller(served.socket)
        kept.sendall(b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: is_cut(silent))
        for _ in range(2):
            later = caller(served.socket)
            await eventually(functools.partial(is_cut, later))
            later.close()
        assert b"200 OK" in await asyncio.to_thread(kept.recv, 100_000)
        kept.sendall(b"GET /v1/metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await asyncio.to_thread(kept.recv, 100_000)
        for each in (silent, kept):
            each.close()
    assert StreamTimeouts().kept_open > 60


async def test_a_request_that_came_in_time_is_answered_though_the_loop_was_held_longer(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(request=0.5)) as served:
        await served.settled()
        before, made = served.api_state.counters.connections_cut, caller(served.socket)
        await asyncio.sleep(0)
        await served.get("/v1")  # the connection is accepted by now: it came first
        made.sendall(b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.6)  # noqa: ASYNC251 - this is what holds the loop
        made.setblocking(False)

        def answered() -> bool:
            try:
                return b"200 OK" in made.recv(100_000)
            except BlockingIOError:
                return False

        await eventually(answered)
        assert served.api_state.counters.connections_cut == before
        made.close()


async def test_who_listens_to_events_is_not_idle(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(heartbeat=0.05, request=0.1)) as served:
        async with served.session().get("/v1/events") as response:
            received = b""
            while received.count(b": still here") < 5:
                received += await response.content.readany()
        assert served.api_state.counters.connections_cut == 0


@pytest.mark.parametrize("request_", MALFORMED, ids=range(len(MALFORMED)))
async def test_what_is_no_request_is_counted_and_never_quoted(
    tmp_path: Path, request_: bytes, log: io.StringIO
) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(kept_open=0.1)) as served:
        for _ in range(5):
            reader, writer = await asyncio.open_unix_connection(str(served.socket))
            writer.write(request_)
            with contextlib.suppress(ConnectionError):
                answer = await asyncio.wait_for(reader.read(), PATIENCE)
                assert b" 4" in answer[:13]
                assert SECRET not in answer
            writer.close()
    assert SECRET.decode() not in log.getvalue()
    assert "Traceback" not in log.getvalue()
    assert len(log.getvalue().splitlines()) <= 2, log.getvalue()


async def test_no_descriptor_left_is_said_once_and_over_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setattr(acceptor, "OUT_OF_RESOURCES_SECONDS", 0.001)
    accept, left = socket.socket.accept, [50]

    def no_more(listener: socket.socket) -> tuple[socket.socket, object]:
        if left[0]:
            left[0] -= 1
            raise OSError(24, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", no_more)
    async with served_engine(tmp_path, USERS) as served:
        assert (await served.get("/v1/status"))["users"] == 3
        assert served.api_state.counters.accepts_failed == 50
    assert log.getvalue().count("Too many open files") <= 2  # of each socket one


async def unasked(_: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError


async def test_who_connects_as_it_ends_is_not_accepted_and_forgotten(tmp_path: Path) -> None:
    path = str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        accepting = acceptor.Acceptor(path, limits_here(frozenset()), Counters())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(accepting.run(listener, web.Server(unasked)))
            await asyncio.sleep(0)  # it waits now
            client.connect(path)
            await asyncio.sleep(0)  # the loop has seen that
            task.cancel()
        listener.settimeout(PATIENCE)
        connection, _ = listener.accept()  # it still waits to be accepted
        with connection:
            client.sendall(b"x")
            assert connection.recv(1) == b"x"


async def test_descriptors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        status = await served.get("/v1/status")
        assert 5 < status["open_files"] < status["open_files_limit"]
        async with served.session().get("/v1/metrics") as response:
            metrics = await response.text()
        assert "calendar_engine_open_files " in metrics
        assert f"calendar_engine_open_files_limit {float(status['open_files_limit'])}\n" in metrics
        monkeypatch.setattr(process_health, "open_files", lambda: 900)
        monkeypatch.setattr(process_health, "open_files_limit", lambda: 1024)
        await served.clock.advance(10)
        [concern] = (await served.get("/v1/status"))["concerns"]
        assert (concern["trouble"]["type"], concern["trouble"]["detail"]) == (
            "open-files-scarce",
            "900 of 1024 are in use",
        )


@pytest.mark.parametrize(("files", "most"), [(1024, 128), (65536, 256), (64, 16)])
def test_connections_are_a_part_of_what_there_is(files: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    limits = limits_here(frozenset({0}))
    assert limits.all == most
    assert limits.per_user < most
    assert limits.reserve <= most // 4
