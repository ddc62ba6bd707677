"""How many file descriptors this process has open, and how many it may have."""

import os
import resource
from datetime import datetime, timedelta

from engine.api.failures import OpenFilesScarce

SCARCE = 0.8
"""From this part of the limit on it is said to be trouble."""

LOOK = timedelta(seconds=10)
"""Between two looks for the status, which is asked for more often than that."""


class Descriptors:
    """What was seen at the last look."""

    def __init__(self) -> None:
        self.used = 0
        self.limit = 0
        self._seen: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look again, unless that was just now."""
        if self._seen is None or abs(now - self._seen) >= LOOK:
            self._seen, self.used, self.limit = now, open_files(), open_files_limit()

    @property
    def trouble(self) -> OpenFilesScarce | None:
        """What is the matter where most are in use."""
        return OpenFilesScarce(f"{self.used} of {self.limit} are in use") if self.used >= SCARCE * self.limit else None


def open_files() -> int:
    """Return how many there are; the look itself takes one of them."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return 0  # no /proc here, or nothing left to look with


def open_files_limit() -> int:
    """Return how many there may be."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
