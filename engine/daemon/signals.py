"""What ends the work of a command: SIGTERM, Ctrl+C, or that whoever started it is gone; SIGHUP has it look again."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from engine.display import visible


async def until_signalled(work: Coroutine[Any, Any, None], pipe: int | None = None) -> None:
    """Run `work` until it ends or is cancelled by SIGTERM, SIGINT or the end of `pipe`; its failures are raised."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        task.add_done_callback(lambda _: _restore(loop))
        with at_end_of(pipe, task.cancel):
            await asyncio.wait([task])


@contextmanager
def at_end_of(pipe: int | None, end: Callable[[], object]) -> Iterator[None]:
    """Have `end` called once whoever writes to a pipe is gone; what comes out of it until then means nothing."""
    if pipe is None:
        yield
        return

    def read() -> None:
        if not os.read(pipe, 4096):
            loop.remove_reader(pipe)
            end()

    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(pipe, read)
    except PermissionError:
        end()  # a file, or /dev/null: it ends without anybody going
    try:
        yield
    finally:
        loop.remove_reader(pipe)


@contextmanager
def on_hangup(look_again: Callable[[], None]) -> Iterator[None]:
    """Have `look_again` called at every SIGHUP for as long as the context lasts; within a running loop."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, look_again)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def interruptible(ask: Callable[[str], str]) -> Callable[[str], str]:
    """Let Ctrl+C end a question: asyncio's handler would wait for the loop, which waits for the answer."""

    def asking(question: str) -> str:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return ask(visible(question))
        finally:
            signal.signal(signal.SIGINT, before)

    return asking


def _restore(loop: asyncio.AbstractEventLoop) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
