"""Blocking calls in threads delay nothing, not even the exit of the program."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.daemon import loop as loop_module
from engine.daemon.loop import MOST_LOOKUPS, EngineLoop, run_loop
from tests.support.eventually import PATIENCE, eventually


class NoAnswer(threading.Event):
    """No name server answers until this is set; `asked` is who asked one, and `given_up` who waited in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.given_up: list[str] = []

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if not self.wait(PATIENCE):
            self.given_up.append(host)
        return []


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> NoAnswer:
    answer = NoAnswer()
    monkeypatch.setattr(socket, "getaddrinfo", answer.getaddrinfo)
    return answer


def test_a_name_that_is_being_looked_up_does_not_hold_up_the_end(hanging: NoAnswer) -> None:
    async def work() -> None:
        looking = asyncio.get_running_loop().getaddrinfo("pbx.corp.example", 443, type=socket.SOCK_STREAM)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(looking)
            await eventually(lambda: hanging.asked)
            task.cancel()

    run_loop(work())
    assert hanging.given_up == []
    hanging.set()


def test_names_that_are_being_looked_up_take_no_place_of_other_work(hanging: NoAnswer) -> None:
    async def work() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            lookups = [group.create_task(loop.getaddrinfo("a.example", 1)) for _ in range(MOST_LOOKUPS * 3)]
            await asyncio.sleep(0)
            done = await asyncio.to_thread(lambda: "done")
            threads = len(hanging.asked)
            hanging.set()
            await asyncio.gather(*lookups)
        return done, threads

    done, threads = run_loop(work())
    assert done == "done"
    assert threads <= MOST_LOOKUPS
    assert len(hanging.asked) == MOST_LOOKUPS * 3


def test_what_is_being_written_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "LAST_CHANCE", PATIENCE)
    begun, disk = threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        disk.wait()
        (tmp_path / "file").write_text("all of it")

    async def until_the_loop_ends() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            disk.set()

    async def work() -> None:
        tasks.append(asyncio.get_running_loop().create_task(until_the_loop_ends()))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.to_thread(write))
            await eventually(begun.is_set)
            task.cancel()

    tasks = list[asyncio.Task[None]]()
    run_loop(work())
    assert (tmp_path / "file").read_text() == "all of it"


def test_results_and_errors_come_back() -> None:
    async def work() -> None:
        assert await asyncio.to_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        host, _ = await asyncio.get_running_loop().getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST)
        assert host == "127.0.0.1"
        [found] = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert found[4] == ("127.0.0.1", 80)

    run_loop(work())


@pytest.mark.process
def test_a_thread_that_never_ends_does_not_hold_up_the_program() -> None:
    program = """
import asyncio, threading
from engine.daemon.loop import run_loop

async def work():
    try:
        async with asyncio.timeout(0.05):
            await asyncio.to_thread(threading.Event().wait)
    except TimeoutError:
        print("given up")

run_loop(work())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout == "given up\n"


def test_it_is_the_loop_of_asyncio_otherwise() -> None:
    async def kind() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    assert run_loop(kind()) is EngineLoop
