"""Leads the host names of a simulated world to ports on loopback, while TLS still goes by the name."""

from collections.abc import Mapping

import httpx2

LOOPBACK = "127.0.0.1"
Routes = Mapping[tuple[str, str, int], int]
"""From (scheme, host, port) to a port on loopback."""
DEFAULT_PORTS = {"http": 80, "https": 443}


class RoutedTransport(httpx2.AsyncBaseTransport):
    """Sends requests through `inner` to where `routes` lead; any other name does not exist.

    The Host header, the TLS server name and the name the certificate is checked for stay those of the URL.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, routes: Routes) -> None:
        self._inner = inner
        self._routes = routes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send `request` to its place on loopback. Raises `httpx2.ConnectError` when it has none."""
        url = request.url
        port = self._routes.get((url.scheme, url.host, url.port or DEFAULT_PORTS[url.scheme]))
        if port is None:
            raise httpx2.ConnectError(f"Name or service not known: {url.host}", request=request)
        return await self._inner.handle_async_request(
            httpx2.Request(
                request.method,
                url.copy_with(host=LOOPBACK, port=port),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},
            )
        )

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()
