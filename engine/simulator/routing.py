"""Leads the host names of a simulated world to ports on loopback, while TLS still goes by the name."""

import socket
from collections.abc import Mapping

from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK = "127.0.0.1"
Routes = Mapping[tuple[str, str, int], int]
"""From (scheme, host, port) to a port on loopback."""


class RoutedResolver(AbstractResolver):
    """Looks names up in `routes`; any other name does not exist.

    The Host header, the TLS server name and the name the certificate is checked for stay those of the URL.
    """

    def __init__(self, routes: Routes) -> None:
        self._places = {(host, port): place for (_, host, port), place in routes.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the place of `host` and `port` on loopback. Raises `socket.gaierror` when they have none."""
        place = self._places.get((host, port))
        if place is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")
        return [
            ResolveResult(
                hostname=host, host=LOOPBACK, port=place, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""
