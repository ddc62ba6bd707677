"""Event loop of every command, with daemon threads for blocking calls so that they never delay the exit.

asyncio waits at its end for the threads of its default executor, and the interpreter once more; getaddrinfo(3) can
take half a minute where no name server answers, and cannot be called off.
"""

import asyncio
import contextlib
import functools
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_LOOKUPS, MOST_WORK = 32, 32
"""Maximum number of threads for name lookups, and for everything else; further calls wait."""

LAST_CHANCE = 1.0
"""Seconds for pending calls to finish at the end, such as writing a file."""


class EngineLoop(asyncio.SelectorEventLoop):
    """Event loop that runs blocking calls on daemon threads; name lookups have their own."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups = _Threads(self, MOST_LOOKUPS, "lookup")
        self._work = _Threads(self, MOST_WORK, "work")

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> Any:
        """See socket.getaddrinfo."""
        return await self._lookups.run(functools.partial(socket.getaddrinfo, host, port, **hints))

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """See socket.getnameinfo."""
        return await self._lookups.run(functools.partial(socket.getnameinfo, sockaddr, flags))

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call a function in a thread."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        return self._work.run(functools.partial(func, *args))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 (asyncio's own)
        """Wait briefly for pending calls."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_CHANCE):
                await self._work.idle.wait()


class _Threads:
    """A limited number of daemon threads of one loop, each for one call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int, name: str) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self._loop = loop
        self._most = most
        self._name = name
        self._running = 0
        self._waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Return a future of the result; cancelling it lets the thread run to its end."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((work, future))
        self._start()
        return future

    def _start(self) -> None:
        while self._waiting and self._running < self._most:
            work, future = self._waiting.popleft()
            if future.done():
                continue
            self._running += 1
            self.idle.clear()
            threading.Thread(target=self._carry_out, args=(work, future), name=self._name, daemon=True).start()

    def _carry_out(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._ended, future, result, failure)

    def _ended(self, future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
        self._running -= 1
        if not future.done():
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
        self._start()
        if not self._running:
            self.idle.set()


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as asyncio.run does."""
    with asyncio.Runner(loop_factory=EngineLoop) as runner:
        return runner.run(work)
