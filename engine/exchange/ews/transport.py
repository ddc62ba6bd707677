"""The little that this room needs of HTTP, so that it depends on no client and a test can stand in for one."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
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


class HttpStream(Protocol):
    """An HTTP answer whose body comes in pieces and may have no end."""

    @property
    def status(self) -> int:
        """The status code, whatever it is."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        ...

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded body as it comes."""
        ...

    def came(self, envelope: bytes) -> None:
        """Take note that a part of the body is whole in itself."""
        ...


class Http(Protocol):
    """Sends requests and follows no redirect. Raises an `ExchangeFailure` when there is no answer."""

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
    ) -> HttpAnswer:
        """Send `body` to an https URL as the service account; `asked` is when it was wanted (perf_counter)."""
        ...

    def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[HttpStream]:
        """Send `body` like `post`, over a connection of its own, and have the answer in pieces."""
        ...

    async def get_anonymously(self, url: str) -> HttpAnswer:
        """Get a URL, plain http too, without telling anybody who asks."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
