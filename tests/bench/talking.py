"""Processes that do what they are asked for, one line after the other, so that their CPU time is told apart."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec


class Process:
    """A process that is asked by lines, and answers each with one."""

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command: str) -> bytes:
        """Return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> bytes:
        """Return what it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        return line.encode()

    def end(self) -> None:
        """Let it end, and wait for that."""
        self._process.communicate()


@contextlib.contextmanager
def process(module: str, *arguments: str) -> Iterator[Process]:
    """Context manager that runs a process, which says something when it is ready."""
    running = Process(module, *arguments)
    try:
        running.answer()
        yield running
    finally:
        running.end()


async def commands() -> AsyncIterator[str]:
    """Say that this process is ready, and yield what it is asked for until standard input ends."""
    say(None)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        yield command


def say(answer: object) -> None:
    """Answer the process that asked."""
    print(msgspec.json.encode(answer).decode(), flush=True)
