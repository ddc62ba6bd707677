"""Passes keys on one after the other, so that those of one packet go to what the earlier ones have opened."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Protocol

from textual import events
from textual.dom import DOMNode
from textual.message_pump import MessagePump

LONGEST = 1.0
"""Seconds after which the next key is passed on, even if the one before is still being dealt with."""

ROUNDS = 2
"""How often every widget from the one with the focus to the application has its turn: a key may cause a message."""


class Typed(Protocol):
    """The part of the application that keys are passed on to."""

    @property
    def focused(self) -> DOMNode | None:
        """The widget with the focus."""
        ...

    @property
    def screen(self) -> DOMNode:
        """The screen."""
        ...

    async def forward(self, key: events.Key) -> None:
        """Pass a key on to the widget with the focus."""
        ...

    async def answered(self) -> None:
        """Wait until what was entered in a field is dealt with."""
        ...


class Typist:
    """The keys that wait; a lone key is passed on at once."""

    def __init__(self, app: Typed) -> None:
        self._app = app
        self._keys: asyncio.Queue[events.Key] = asyncio.Queue()
        self._pressed = self._passed_on = 0

    def press(self, key: events.Key) -> None:
        """Add a key."""
        self._pressed += 1
        self._keys.put_nowait(key)

    async def run(self) -> None:
        """Pass on keys until cancelled."""
        while True:
            key = await self._keys.get()
            await self._soon(self._app.answered())
            target = self._app.focused or self._app.screen
            await self._app.forward(key)
            await self._soon(self._dealt_with(target))
            self._passed_on += 1

    async def _dealt_with(self, target: MessagePump) -> None:
        for _ in range(ROUNDS):
            await _turn(target)
        await self._app.answered()

    async def _soon(self, done: Coroutine[None, None, None]) -> None:
        """Wait for something, but not longer than keys may be kept waiting."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await done

    @property
    def rests(self) -> bool:
        """Whether every key is dealt with."""
        return self._pressed == self._passed_on


async def _turn(start: MessagePump) -> None:
    """Wait until a widget and all that contain it have dealt with the messages that they have now."""
    node: MessagePump | None = start
    while node is not None:
        passed = asyncio.Event()
        if not node.call_later(passed.set):
            return
        await passed.wait()
        node = node._parent  # noqa: SLF001 - a widget's `parent` is typed as a node, without the application
