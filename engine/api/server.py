"""Serves the API on its sockets for as long as the engine runs."""

import asyncio
import os
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from engine.api.acceptor import Acceptor, limits_here
from engine.api.application import make_application
from engine.api.desk import Desk
from engine.api.handlers.part import Part
from engine.api.sockets import Door, Doors
from engine.api.stream import Patience
from engine.sync.supervisor import Keep

SHUTDOWN_TIMEOUT = 0.4
"""Seconds that requests get to be finished when the engine stops; event streams end by themselves."""


class ApiServer:
    """One runner for each socket, each with an application of its own: what a socket admits to cannot be mixed up.

    `more` are requests beyond those that `desk` answers; `keep` runs by name what is to start again after a mistake.
    """

    def __init__(
        self,
        desk: Desk,
        doors: Doors,
        keep: Keep,
        patience: Patience | None = None,
        more: Sequence[Part] = (),
    ) -> None:
        self._keep = keep
        self._desk = desk
        self._more = more
        self._doors = doors
        self._patience = patience or Patience()

    async def serve(self) -> None:
        """Answer requests and publish events until cancelled, and then stop within a second."""
        runners: list[web.AppRunner] = []
        try:
            async with asyncio.TaskGroup() as group:
                for door in self._doors.doors:
                    runners.append(await self._start(door))
                    group.create_task(self._accept(door, runners[-1]))
                group.create_task(self._keep("operations of the API", self._desk.operations.run))
                group.create_task(self._keep("measuring the lag of the loop", self._desk.loop_lag.run))
                group.create_task(self._keep("events of the API", self._desk.publish))
        finally:
            self._desk.events.close()
            await asyncio.gather(*(runner.cleanup() for runner in runners))
            await self._desk.audit.save()

    async def _start(self, door: Door) -> web.AppRunner:
        application = make_application(self._desk, self._more, self._patience, may_change=door.may_change)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await runner.setup()
        return runner

    async def _accept(self, door: Door, runner: web.AppRunner) -> None:
        assert runner.server is not None  # noqa: S101 - for the type checker: it is set up
        limits = limits_here(frozenset((0, os.geteuid())))
        acceptor = Acceptor(
            str(door.path), limits, self._desk.counters, self._patience.request, self._patience.kept_open
        )
        await self._keep(f"accepting at {door.path.name}", partial(acceptor.run, door.listener, runner.server))
