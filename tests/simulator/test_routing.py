"""Names are routed to loopback and keep their Host header; other names do not exist."""

import pytest
from aiohttp import ClientConnectorDNSError, ClientSession, TCPConnector, web

from engine.simulator.company import RoutedResolver


async def test_a_routed_name_is_reached_under_its_own_host_header() -> None:
    async def host(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{request.headers['Host']} {request.path_qs} {await request.text()}")

    application = web.Application()
    application.router.add_post("/{path:.*}", host)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    routes = {("http", "autodiscover.corp.example", 80): runner.addresses[0][1]}
    async with ClientSession(connector=TCPConnector(resolver=RoutedResolver(routes))) as client:
        async with client.post("http://autodiscover.corp.example/a/b?c=d", data=b"body") as answer:
            assert await answer.text() == "autodiscover.corp.example /a/b?c=d body"
        for url in (
            "https://autodiscover.corp.example/",
            "http://corp.example/",
            "http://autodiscover.corp.example:81/",
        ):
            with pytest.raises(ClientConnectorDNSError, match="not known"):
                await client.get(url)
    await runner.cleanup()
