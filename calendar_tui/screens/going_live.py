"""Going live, keeping that and going back, from any view."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.api.client import ApiClient
from engine.api.errors import ClientFailure
from engine.api.resources.live import LiveRequests
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.live import BackQuestion, LiveQuestion, LiveState
from engine.display import counted
from engine.documents.settings import rollback_outcome

T = TypeVar("T")

KEPT_WITHIN = 600.0
"""Seconds after which going live is taken back by itself."""

MEANT = 10.0
"""Seconds in which the second press of the key counts."""


class GoingLive:
    """Carries out the keys; `tell` says what came of them, or `tell_failure` why nothing did."""

    def __init__(
        self,
        api: Callable[[], ApiClient | None],
        tell: Callable[[str], None],
        tell_failure: Callable[[ClientFailure], None],
    ) -> None:
        self._api = api
        self._tell = tell
        self._tell_failure = tell_failure
        self._asked = self._asked_back = -MEANT

    async def go(self) -> None:
        """Go live for everybody: the first press says what that changes, the second does it."""
        api = self._api()
        state = await self._answer(LiveRequests(api).state()) if api is not None else None
        if api is None or state is None:
            return
        now = asyncio.get_running_loop().time()
        if state.written == "everybody":
            self._tell("Everybody's presences are written already.")
        elif now - self._asked > MEANT:
            self._asked = now
            self._tell(f"{counted(state.withheld, 'presence')} would change in the PBX. g again writes them.")
        else:
            self._asked = -MEANT
            question = LiveQuestion(confirm_within=KEPT_WITHIN)
            self._told(await self._answer(LiveRequests(api).go(question)))

    def _told(self, state: LiveState | None) -> None:
        if state is not None:
            minutes = round(KEPT_WITHIN / 60)
            self._tell(f"Live: {counted(state.live, 'user')} written. Back in {minutes} min. K keep it, B back now.")

    async def keep(self) -> None:
        """Keep what awaits confirmation."""
        api = self._api()
        if api is not None and await self._answer(SettingsRequests(api).keep()) is not None:
            self._tell("The change is kept.")

    async def back(self) -> None:
        """Go back to what was before a change that is on trial or broke a connection; without one to a dry run, at the
        second press."""
        api = self._api()
        state = await self._answer(LiveRequests(api).state()) if api is not None else None
        settings = await self._answer(SettingsRequests(api).all()) if api is not None else None
        if api is None or state is None or settings is None:
            return
        now = asyncio.get_running_loop().time()
        if settings.offered is not None and state.confirm_until is None:
            changed = await self._answer(SettingsRequests(api).roll_back(settings.offered))
            if changed is not None:
                self._tell(rollback_outcome(changed))
        elif state.confirm_until is None and state.written != "nobody" and now - self._asked_back > MEANT:
            self._asked_back = now
            self._tell("No change is on trial. B again clears our presences and begins a dry run.")
        else:
            self._asked_back = -MEANT
            await self._go_back(api)

    async def _go_back(self, api: ApiClient) -> None:
        state = await self._answer(LiveRequests(api).go_back(BackQuestion()))
        if state is not None:
            self._tell("Nothing is written to the PBX any more." if state.written == "nobody" else "It is as before.")

    async def _answer(self, asked: Awaitable[T]) -> T | None:
        try:
            return await asked
        except ClientFailure as failure:
            self._tell_failure(failure)
            return None
