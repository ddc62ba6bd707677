"""Looking host names up in place of the system, as simulated servers need it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Resolver(Protocol):
    """Looks host names up."""

    async def resolve(self, host: str, port: int = 0) -> Sequence[Mapping[str, Any]]:
        """Return addresses with "host" and "port". Raises OSError if there is none."""
        ...
