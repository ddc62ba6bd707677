"""A small IIS: a TLS server with a log-in, which records requests and can be made to fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.exchange.authentication import Binding, NtlmGate
from tests.support.quiescence import quiescence

HOST = "mail.corp.example"
URL = f"https://{HOST}/EWS/Exchange.asmx"
ACCOUNT = "CORP\\svc-ews"
PASSWORD = "Secr3t!"

Hook = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came, before the gate had its say."""

    authorization: str
    body: bytes
    cookie: str
    headers: dict[str, str]


def soap(text: str) -> web.Response:
    """Return what only Exchange itself can have said."""
    envelope = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{text}</s:Body></s:Envelope>'
    return web.Response(text=envelope, content_type="text/xml")


def said(body: bytes) -> str:
    """Return the text of such an answer."""
    return body.decode().partition("<s:Body>")[2].partition("</s:Body>")[0]


class Iis:
    """`on_request` may answer in place of the gate, `on_authenticated` in place of the page behind it."""

    def __init__(self, gate: NtlmGate) -> None:
        self.gate = gate
        self.requests: list[Seen] = []
        self.connections: set[object] = set()
        self.port = 0
        self.on_request: Hook | None = None
        self.on_authenticated: Hook | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.requests.append(Seen(headers.get("authorization", ""), body, headers.get("cookie", ""), headers))
        if self.on_request is not None and (answer := await self.on_request(request)) is not None:
            return answer
        identity = await self.gate.authenticate(request)
        if isinstance(identity, web.Response):
            return identity
        if self.on_authenticated is not None and (answer := await self.on_authenticated(request)) is not None:
            return answer
        await asyncio.sleep(0.001)
        return soap(f"{identity} posted {len(body)} bytes")

    async def close_connections(self) -> None:
        """Close every connection, as IIS does with those that are idle for long, and wait until that has arrived."""
        for transport in self.connections:
            assert isinstance(transport, asyncio.Transport)
            transport.close()
        await quiescence()


@contextlib.asynccontextmanager
async def serve(
    authority: CertificateAuthority,
    *,
    binding: Binding = Binding.ALLOW,
    names: tuple[str, ...] = (HOST,),
    schemes: tuple[str, ...] = ("Negotiate", "NTLM"),
    shown_to_gate: bytes | None = None,
    flaw: Flaw | None = None,
) -> AsyncIterator[Iis]:
    """Run the server; `shown_to_gate` is the certificate it takes for its own, as behind a TLS balancer."""
    certificate = authority.issue(*names, flaw=flaw)
    gate = NtlmGate(
        {ACCOUNT: PASSWORD}, binding=binding, certificate_der=shown_to_gate or certificate.der, schemes=schemes
    )
    iis = Iis(gate)
    application = web.Application(client_max_size=2**25)
    application.router.add_route("*", "/{path:.*}", iis.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context)
    await site.start()
    iis.port = runner.addresses[0][1]
    try:
        yield iis
    finally:
        await runner.cleanup()
