"""Log-ins that go with every request, so that no connection has to be logged in: bearer tokens."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from engine.exchange.failures import ExchangeFailure


class StandingAuthorization(Protocol):
    """Who asks, and the Authorization header of each request; one for all connections."""

    user: str

    @property
    def refusal(self) -> type[ExchangeFailure]:
        """The failure that a refused log-in is reported as."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for one's turn to send a request: until one was let in, they go one at a time."""
        ...

    async def authorization(self) -> str:
        """Return the value of the header. Raises an `ExchangeFailure` while there is none."""
        ...

    def accepted(self) -> None:
        """A request was let in."""
        ...

    def refused(self, authorization: str, host: str, headers: Mapping[str, str]) -> bool:
        """A request was answered 401 with these headers; tell whether the next one has another authorization."""
        ...

    async def close(self) -> None:
        """Give up what is needed to get one."""
        ...
