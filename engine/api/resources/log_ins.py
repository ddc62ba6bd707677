"""Requests about paused log-ins."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.logins import LogInStates

LOG_INS = f"{VERSION_1}/log-ins"


class LogInRequests:
    """Requests about paused log-ins. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def states(self) -> LogInStates:
        """Return the state of the log-ins."""
        return await self._api.get(LOG_INS, LogInStates)

    async def retry(self) -> LogInStates:
        """Allow another attempt at once."""
        return await self._api.post(f"{LOG_INS}/retry", LogInStates)
