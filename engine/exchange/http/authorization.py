"""Log-ins that go with every request, so that no connection has to be logged in: HTTP Basic, and bearer tokens."""

from collections.abc import Mapping
from typing import Protocol

from engine.exchange.failures import ExchangeFailure
from engine.exchange.http.handshake import Credential, basic_authorization, not_offered, offered


class StandingAuthorization(Protocol):
    """Who asks, and the Authorization header of each request; one for all connections."""

    user: str

    @property
    def refusal(self) -> type[ExchangeFailure]:
        """The failure that a refused log-in is reported as."""
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


class BasicLogIn:
    """HTTP Basic (RFC 7617): the same header for ever."""

    def __init__(self, credential: Credential) -> None:
        self.user = credential.user
        self.refusal: type[ExchangeFailure] = credential.refusal
        self._credential = credential

    async def authorization(self) -> str:
        """Return the value of the header."""
        return basic_authorization(self._credential)

    def accepted(self) -> None:
        """Nothing follows from that."""

    def refused(self, authorization: str, host: str, headers: Mapping[str, str]) -> bool:
        """Tell that nothing changes by itself. Raises `LoginMethodNotOffered` where Basic is not offered at all."""
        offers = offered(headers)
        if offers and "basic" not in offers:
            raise not_offered(host, "Basic", offers)
        return False

    async def close(self) -> None:
        """Nothing is held."""
