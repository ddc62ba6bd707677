"""A notification that wakes all waiting tasks, without a value."""

import asyncio
from datetime import datetime

from engine.core.clock import Clock


class Broadcast:
    """Lets any number of tasks wait for the next notification."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def notify(self) -> None:
        """Wake all waiting tasks."""
        self._happened.set()
        self._happened = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next notification."""
        await self._happened.wait()

    async def wait_until(self, instant: datetime, clock: Clock) -> None:
        """Return at the next notification, or at `instant` if that is sooner."""
        happened = self._happened
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(happened.wait()), group.create_task(clock.sleep_until(instant))]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
