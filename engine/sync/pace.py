"""The pace of requests to the PBX."""

from datetime import datetime, timedelta

from engine.core.clock import Clock


class Pace:
    """A token bucket with a single token: one caller proceeds every 1/`per_second` seconds of `clock`, in order."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._interval = timedelta(seconds=1 / per_second)
        self._clock = clock
        self._free_at: datetime | None = None

    def adjust(self, per_second: float) -> None:
        """Change the pace for later callers."""
        self._interval = timedelta(seconds=1 / per_second)

    async def take(self) -> None:
        """Return when it is the caller's turn."""
        now = self._clock.now()
        turn = now if self._free_at is None else max(now, self._free_at)
        self._free_at = turn + self._interval
        if turn > now:
            await self._clock.sleep_until(turn)
