"""Requests about the guided set-up."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.operations import Operation
from engine.api.schema.setup import Setup, SetupAnswers

SETUP = f"{VERSION_1}/setup"


class SetupRequests:
    """Requests about the guided set-up. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def under_way(self) -> Setup | None:
        """Return the set-up in progress, None if there is none."""
        return await self._api.find(SETUP, Setup)

    async def begin(self) -> Setup:
        """Start a new set-up."""
        return await self._api.post(SETUP, Setup)

    async def state(self) -> Setup:
        """Return the set-up in progress."""
        return await self._api.get(SETUP, Setup)

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Send answers, and go to a step."""
        return await self._api.patch(SETUP, Setup, answers)

    async def check(self) -> Operation:
        """Start a check of the current step."""
        return await self._api.post(f"{SETUP}/check", Operation)

    async def apply(self) -> Setup:
        """Apply the set-up; return what was applied."""
        return await self._api.post(f"{SETUP}/apply", Setup)
