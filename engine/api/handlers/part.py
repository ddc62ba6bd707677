"""What the API is put together from: groups of requests that belong together."""

from typing import Protocol

from engine.api.routes import Route


class Part(Protocol):
    """One group of requests. `capabilities` names what it adds, for clients that must know before they ask."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Names that `GET /v1` lists."""
        ...

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        ...
