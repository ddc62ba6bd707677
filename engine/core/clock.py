"""Clock interface, injected everywhere so that a day can pass in seconds."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """A source of instants.

    The engine has two: the *calendar* clock, with which appointments are compared, and the *network* clock, which
    times back-off, pacing and deadlines. In production both are real; in the demo only the calendar clock runs fast;
    tests move either by hand.
    """

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant` (aware); return at once if it has passed."""
        ...
