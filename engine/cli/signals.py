"""What signals do to the work of a command: SIGTERM and Ctrl+C end it cleanly, SIGHUP asks it to look again."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or the process gets SIGTERM or SIGINT, which cancel it; its failures are raised."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        task.add_done_callback(lambda _: _restore(loop))


@contextmanager
def on_hangup(look_again: Callable[[], None]) -> Iterator[None]:
    """Have `look_again` called at every SIGHUP for as long as the context lasts; within a running loop."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, look_again)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _restore(loop: asyncio.AbstractEventLoop) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
