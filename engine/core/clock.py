"""What time it is and how to wait for it, injected everywhere so that a day can pass in seconds."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """A source of instants.

    The engine holds two: the *calendar* clock, which appointments are compared with, and the *network* clock,
    which back-off, pacing and deadlines are measured with. In production both are real; in the demo only the
    calendar clock runs fast; a test moves either by hand.
    """

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return when `instant` (aware) has come; at once when it already has."""
        ...
