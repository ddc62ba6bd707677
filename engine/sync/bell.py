"""Tells whoever waits that something happened, without saying what."""

import asyncio


class Bell:
    """Lets any number of tasks wait for the next time something happens."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Let everybody who waits go on."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def heard(self) -> None:
        """Return when it rings next."""
        await self._rung.wait()
