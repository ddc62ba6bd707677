"""Tells the engine in force, whichever that is, for which shards it works."""

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta

from engine.core.clock import Clock
from engine.supervisor.engine_slot import CurrentEngine
from engine.sync.events import Event
from engine.sync.reconciler import Engine


class ShardHolder:
    """Implements the `Holder` of a membership, which goes on while settings replace one engine by another.

    `clock` is network time. Whatever an engine was about to send when it was replaced has arrived after the time that
    `margin` returns, or never will.
    """

    def __init__(self, clock: Clock, margin: Callable[[], timedelta]) -> None:
        self._clock = clock
        self._margin = margin
        self._current: CurrentEngine | None = None
        self._engine: Engine | None = None
        self._replaced = clock.now()
        self._shards = set[int]()
        self._nodes = 1

    def follow(self, current: CurrentEngine) -> None:
        """Tell whatever engine is `current` from now on."""
        self._current = current
        current.observe(self._observe)

    def taken(self, shards: Collection[int]) -> None:
        """Begin to work for these shards."""
        self._shards.update(shards)
        if self._engine is not None:
            self._engine.shards.taken(shards)

    def lost(self, shards: Collection[int]) -> None:
        """Stop working for these shards."""
        self._shards.difference_update(shards)
        if self._engine is not None:
            self._engine.shards.lost(shards)

    async def answered(self, shards: Collection[int]) -> None:
        """Return when the PBX has answered every write for these shards.

        What an engine before had sent is not known: soon after a replacement this does not return at all, and the
        membership waits until nothing can be under way.
        """
        engine = self._engine
        if engine is not None and not self._is_just_replaced():
            await engine.shards.answered(shards)
        if engine is None or self._is_just_replaced():
            await asyncio.Event().wait()

    def shared_by(self, nodes: int) -> None:
        """Use this fraction of all budgets."""
        self._nodes = nodes
        if self._engine is not None:
            self._engine.shards.shared_by(nodes)

    def server_changed(self) -> None:
        """Store again what is known and the database does not have."""
        if self._engine is not None:
            self._engine.shards.server_changed()

    def doubt(self, guid: str) -> None:
        """Ask the PBX what it shows for a user, for whom another engine may have written too late."""
        if self._engine is not None:
            self._engine.shards.doubt(guid)

    def resume(self) -> None:
        """Write again for all shards."""
        if self._engine is not None:
            self._engine.shards.resume()

    def _is_just_replaced(self) -> bool:
        return self._clock.now() < self._replaced + self._margin()

    def _observe(self, _: Event) -> None:
        engine = None if self._current is None else self._current.engine
        if engine is self._engine:
            return
        self._engine, self._replaced = engine, self._clock.now()
        if engine is not None:
            engine.shards.shared_by(self._nodes)
            engine.shards.taken(self._shards)
