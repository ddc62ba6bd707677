"""Runs the one engine there is, and exchanges it for another without ending the service."""

import asyncio

from engine.broadcast import Broadcast
from engine.service.seat import Seat
from engine.sync.engine import Engine


class EngineEnded(Exception):
    """An engine has returned, which none ever should."""


class Runner:
    """Keeps the engine in `seat` running. The next one begins when the one before has ended, never beside it."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._next: Engine | None = None
        self._asked = asyncio.Event()
        self._taken = Broadcast()
        self._is_running = False
        self.has_failed = False

    async def run(self) -> None:
        """Run engines for ever. Raises what ends one that nobody ended; the seat is empty then."""
        self._is_running, self.has_failed = True, False
        try:
            while True:
                self._asked.clear()
                engine = self._next
                self._seat.take(engine)
                self._taken.notify()
                if engine is None:
                    await self._asked.wait()
                else:
                    await self._run_one(engine)
        except Exception:
            self.has_failed = True
            self._seat.take(None)
            raise
        finally:
            self._is_running = False
            self._taken.notify()

    async def _run_one(self, engine: Engine) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            running.add_done_callback(lambda _: self._asked.set())
            try:
                await self._asked.wait()
            except asyncio.CancelledError:
                if not running.done():
                    await engine.leave()
                raise
            if running.done():
                raise EngineEnded
            running.cancel()

    async def exchange(self, engine: Engine | None) -> None:
        """Return when `engine`, or none, has taken the place of the one before; at once as long as none can run.

        An engine runs once: after one has failed, the next has to be another.
        """
        self._next = engine
        if not self._is_running:
            return
        self._asked.set()
        await self._taken.wait()
