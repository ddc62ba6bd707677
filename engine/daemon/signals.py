"""Signal handling of commands: SIGTERM, Ctrl+C, the end of the parent process, and SIGHUP."""

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
    """Call `end` when the writing end of a pipe is closed; data read from it is ignored."""
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
        end()  # a file, or /dev/null, is at its end at once
    try:
        yield
    finally:
        loop.remove_reader(pipe)


@contextmanager
def on_hangup(look_again: Callable[[], None]) -> Iterator[None]:
    """Call `look_again` at every SIGHUP during the context; within a running loop."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, look_again)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


NOTICED_WITHIN = 0.5
"""Seconds after which a prompt notices Ctrl+C at the latest."""


def interruptible(ask: Callable[[str], str]) -> Callable[[str], str]:
    """Let Ctrl+C interrupt a prompt: asyncio's handler would wait for the loop, which waits for the answer.

    Python notices a signal that comes right before read(2) only when that returns, so an alarm interrupts it regularly.
    """

    def asking(question: str) -> str:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        before_alarm = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, NOTICED_WITHIN, NOTICED_WITHIN)
        try:
            return ask(visible(question))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before_alarm)
            signal.signal(signal.SIGINT, before)

    return asking


def _restore(loop: asyncio.AbstractEventLoop) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
