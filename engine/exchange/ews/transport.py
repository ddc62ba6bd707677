"""The little that this room needs of HTTP, so that it depends on no client and a test can stand in for one."""

from collections.abc import Mapping
from typing import Protocol


class HttpAnswer(Protocol):
    """One whole HTTP answer. Header names are case-insensitive; `request_id` finds the exchange in the log."""

    @property
    def status(self) -> int:
        """The status code, whatever it is: no status is an exception."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        ...

    @property
    def body(self) -> bytes:
        """The decoded content, limited in size."""
        ...

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        ...


class Http(Protocol):
    """Sends requests and follows no redirect. Raises an `ExchangeFailure` when there is no answer."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Send `body` to an https URL as the service account."""
        ...

    async def get_anonymously(self, url: str) -> HttpAnswer:
        """Get a URL, plain http too, without telling anybody who asks."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
