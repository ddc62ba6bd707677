"""A transport that lets other HTTP clients reach the simulated servers by their names."""

import httpx

from engine.simulator.company import LOOPBACK, Routes

DEFAULT_PORTS = {"http": 80, "https": 443}


class RoutedTransport(httpx.AsyncBaseTransport):
    """Sends requests through `inner` to the addresses in `routes`; other names do not exist."""

    def __init__(self, inner: httpx.AsyncBaseTransport, routes: Routes) -> None:
        self._inner = inner
        self._routes = routes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = self._routes.get((url.scheme, url.host, url.port or DEFAULT_PORTS[url.scheme]))
        if port is None:
            raise httpx.ConnectError(f"Name or service not known: {url.host}", request=request)
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                url.copy_with(host=LOOPBACK, port=port),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()
