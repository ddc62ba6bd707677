"""Quiescence: nothing is left to do in a test's event loop, so that only the passing of time has an effect.

What a test says has not happened would have happened by then, however slow the machine is.
"""

import asyncio
import contextlib
import os
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

from tests.support.clock import ManualClock
from tests.support.eventually import patience
from tests.support.idle_time import IdleLoop, IdleSelector
from tests.support.silence import unacknowledged

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LOOK_AGAIN = 0.002
"""Seconds. The system tells nobody when a peer has acknowledged what was sent."""


class _WatchfulSelector(IdleSelector):
    """Knows when its loop has nothing left to do: asyncio asks it to wait only when no callback is due."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[asyncio.Future[None]] = []
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.waiting or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        if ready := super().select(0):
            return ready
        if self._is_quiescent():
            waiting, self.waiting = self.waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
            return []
        return super().select(LOOK_AGAIN if timeout is None else min(timeout, LOOK_AGAIN))

    def _is_quiescent(self) -> bool:
        """Nothing came in, so nothing may be on its way: every byte sent is with its receiver, every call is back."""
        keys = self.get_map().values()
        if self.threads or any(key.events & selectors.EVENT_WRITE for key in keys):
            return False
        if not any(_under_way(key.fd) for key in keys):
            return True
        for key in keys:
            _acknowledge_at_once(key.fd)
        return not any(_under_way(key.fd) for key in keys)


def _under_way(descriptor: int) -> bool:
    try:
        return unacknowledged(descriptor) > 0
    except OSError:  # it listens, or is no socket
        return False


def _acknowledge_at_once(descriptor: int) -> None:
    """Spare a peer the 40 ms that the system may wait with an acknowledgement, for an answer to carry it."""
    if sys.platform == "linux":
        end = socket.socket(fileno=descriptor)
        try:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except OSError:  # it is no TCP connection
            pass
        finally:
            end.detach()


class QuiescentLoop(IdleLoop):
    """The event loop of every test, which can be waited for until it is quiescent."""

    def __init__(self) -> None:
        self.watchful = _WatchfulSelector()
        super().__init__(self.watchful)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.watchful.threads += 1
        future.add_done_callback(self._back)
        return future

    @contextlib.contextmanager
    def socket_at(self, address: tuple[str, int]) -> Iterator[socket.socket]:
        """The socket that is read from here and is bound to `address`; whoever made it need not show it."""
        for key in self.watchful.get_map().values():
            with socket.socket(fileno=os.dup(key.fd)) as found:
                if found.getsockname() == address and found.type is socket.SOCK_STREAM:
                    yield found
                    return
        raise LookupError(address)

    def _back(self, _: asyncio.Future[T]) -> None:
        self.watchful.threads -= 1


async def passes(seconds: float, *clocks: ManualClock) -> None:
    """Let time pass as soon as nothing is left to do without it: no step of it overtakes an answer."""
    await quiescence()
    for clock in clocks:
        await clock.advance(seconds)


async def quiescence() -> None:
    """Wait until no callback is due, no byte between two sockets of this process is unread and no thread works.

    Timers do not count: whoever waits for one is not waited for. Nor does what another process does.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuiescentLoop)
    quiescent: asyncio.Future[None] = loop.create_future()
    loop.watchful.waiting.append(quiescent)
    async with patience():
        await quiescent
