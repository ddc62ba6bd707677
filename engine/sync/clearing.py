"""Clears the presences that are left in the PBX: at the writer's pace, and again later where it was interrupted."""

import asyncio
from collections.abc import Callable, Iterator

from engine.core.claims import LeaseEnded
from engine.pbx.errors import PbxUnreachable, PresenceRefused, PresenceUnanswered
from engine.sync.pbx_access import PbxAccess

AT_ONCE = 10
"""Presences cleared at the same time; the writer limits them further."""


async def clear_left(access: PbxAccess, progressed: Callable[[int, int], None]) -> None:
    """Clear all that is left; `progressed` is called with the numbers of users done and of those who failed.

    Whoever fails is still left afterwards. Raises `PbxUnreachable` if the connection is lost.
    """
    clearing = _Clearing(access, progressed)
    waiting = iter(access.left())
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(clearing.run(waiting))
    if clearing.lost is not None:
        raise clearing.lost


class _Clearing:
    def __init__(self, access: PbxAccess, progressed: Callable[[int, int], None]) -> None:
        self._access = access
        self._progressed = progressed
        self._done = self._failed = 0
        self.lost: PbxUnreachable | None = None

    async def run(self, waiting: Iterator[str]) -> None:
        for guid in waiting:
            if self.lost is not None:
                return
            try:
                await self._access.take_out(guid)
            except (PresenceRefused, PresenceUnanswered, LeaseEnded):
                self._failed += 1
            except PbxUnreachable as failure:
                self.lost = failure
                return
            self._done += 1
            self._progressed(self._done, self._failed)
