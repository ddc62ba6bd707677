"""What all parts of an engine have in common: both clocks, chance, and who wants to know."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from engine.core.clock import Clock
from engine.sync.happenings import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """`clock` is calendar time, `network_clock` measures pauses and pacing.

    `observe` is told of everything that happens, `finished` is called whenever a part has nothing left to do.
    """

    clock: Clock
    network_clock: Clock
    random: Random
    observe: Observer
    finished: Callable[[], None]
