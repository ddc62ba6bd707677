"""How much time has passed, for whoever holds a claim and for whoever waits until it is over.

Both count seconds of two clocks that nobody sets. CLOCK_MONOTONIC_RAW runs at the pace of the hardware but stands still
while the machine is suspended; CLOCK_BOOTTIME goes on, but is slewed with the wall clock (chrony: by up to 8 %). The
holder believes the one that is further, the waiter the one that is behind: suspending and slewing shorten claims, and
never shorten a wait.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

SECOND = 1_000_000_000

STEP = SECOND
"""How far the wall clock may move against CLOCK_BOOTTIME before the machine counts as having been frozen."""


class Reading(NamedTuple):
    """What the clocks showed at one moment, in nanoseconds: since the start of the machine, hardware's pace, wall."""

    boot: int
    raw: int
    wall: int


ReadClocks = Callable[[], Reading]
"""Type of `read_clocks`, which tests replace."""


def read_clocks() -> Reading:
    """Read the clocks of this machine (0.4 µs)."""
    boot, raw = _CLOCKS
    return Reading(time.clock_gettime_ns(boot), time.clock_gettime_ns(raw), time.time_ns())


def passed_for_holder(since: Reading, now: Reading) -> int:
    """Return the nanoseconds that have passed for whoever holds a claim: rather too many."""
    return max(now.boot - since.boot, now.raw - since.raw)


def passed_for_waiter(since: Reading, now: Reading) -> int:
    """Return the nanoseconds that have passed for whoever waits for the end of a claim: rather too few."""
    return min(now.boot - since.boot, now.raw - since.raw)


def may_have_been_frozen(since: Reading, now: Reading) -> bool:
    """Return whether the wall clock has stepped.

    Somebody set it, or this is a virtual machine that stood still with all its clocks and was told the time afterwards.
    """
    return abs((now.wall - since.wall) - (now.boot - since.boot)) > STEP


# What is not Linux has one such clock.
_CLOCKS = (
    getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC),
    getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC),
)
