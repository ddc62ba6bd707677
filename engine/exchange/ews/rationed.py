"""HTTP for what does not go through the EWS client: autodiscover's requests are rationed like all others."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from engine.exchange.ews.throttle import Throttle
from engine.exchange.ews.transport import Http, HttpAnswer, HttpStream


class RationedHttp:
    """Implements `Http`: each request is counted for the mailbox in its X-AnchorMailbox and waits until it is allowed.

    `http` is somebody else's, and not closed.
    """

    def __init__(self, http: Http, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
    ) -> HttpAnswer:
        """Implements `Http`."""
        await self._throttle.ration(url, headers.get("X-AnchorMailbox"))
        return await self._http.post(url, body, headers, asked=asked)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[HttpStream]:
        """Implements `Http`."""
        await self._throttle.ration(url, headers.get("X-AnchorMailbox"))
        async with self._http.stream(url, body, headers) as stream:
            yield stream

    async def get_anonymously(self, url: str) -> HttpAnswer:
        """Implements `Http`."""
        await self._throttle.ration(url, None)
        return await self._http.get_anonymously(url)

    async def close(self) -> None:
        """Implements `Http`."""
