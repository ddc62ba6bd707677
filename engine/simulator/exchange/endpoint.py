"""Endpoint between aiohttp and the site: authentication, faults and the ledger."""

import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from multidict import CIMultiDict

from engine.simulator.exchange.authentication import BearerGate, NtlmGate
from engine.simulator.exchange.request import AUTODISCOVER_POX_PATH, Request, complaints
from engine.simulator.exchange.service import Site, Understood
from engine.simulator.exchange.soap import Answer
from engine.simulator.exchange.streaming import BrokenOff
from engine.simulator.exchange.topology import AFFINITY_COOKIE
from engine.simulator.faults import Cut, Effect, Faults, Reply, Unauthorized
from engine.simulator.ledger import Ledger, Record
from engine.simulator.serving import ConnectionNumbers, cut_off, wait

FRONT_END = "EXCHANGE01"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a request: the response and its record for the ledger."""

    response: web.Response
    code: str = ""
    cut: Cut | None = None
    chunks: AsyncGenerator[bytes, None] | None = None


@dataclass(slots=True)
class Endpoint:
    """Answers the requests of both listeners.

    `gate` is replaced when the server presents another certificate. `now` dates the records; `secure_url` is the URL
    that plain http redirects to.
    """

    site: Site
    gate: NtlmGate | BearerGate
    schemes: tuple[str, ...]
    faults: Faults
    ledger: Ledger
    now: Callable[[], datetime]
    secure_url: str
    keep_bodies: bool
    _connections: ConnectionNumbers = field(default_factory=ConnectionNumbers)

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        """Answer one request."""
        connection = self._connections.of(raw.transport)
        try:
            request = await _read(raw)
        except ConnectionError:
            # The client has gone; a real server ignores that, too.
            return web.Response(status=400)
        understood = self.site.understand(request)
        account = await self.gate.authenticate(raw) if request.scheme == "https" else ""
        effects = self.faults.take(
            operation=understood.operation,
            mailbox=understood.mailbox,
            host=request.host,
            path=request.path,
            logged_in=isinstance(account, str) and account != "",
        )
        await wait(effects)
        outcome = self._outcome(request, understood, account, effects)
        self._enter(connection, request, understood, account, outcome)
        if outcome.cut is not None:
            return await cut_off(raw, outcome.response, outcome.cut)
        if outcome.chunks is not None:
            return await _send_chunks(raw, outcome.response, outcome.chunks)
        return outcome.response

    def _outcome(
        self, request: Request, understood: Understood, account: str | web.Response, effects: Sequence[Effect]
    ) -> Outcome:
        cut = next((effect for effect in effects if isinstance(effect, Cut)), None)
        for effect in effects:
            if isinstance(effect, Reply):
                return Outcome(web.Response(status=effect.status, body=effect.body, headers=effect.headers), cut=cut)
            if isinstance(effect, Unauthorized):
                return Outcome(web.Response(status=401, headers=self._offers()), cut=cut)
        if isinstance(account, web.Response):
            return Outcome(account, cut=cut)
        if request.scheme == "http":
            return Outcome(self._plain(request), cut=cut)
        answer = self.site.answer(request, understood, account, effects)
        return Outcome(_response(request, answer), answer.code, cut, answer.chunks)

    def _offers(self) -> CIMultiDict[str]:
        return CIMultiDict(("WWW-Authenticate", scheme) for scheme in self.schemes)

    def _plain(self, request: Request) -> web.Response:
        """Answer a request without TLS (the third step of autodiscover): with nothing but a redirect to https."""
        if request.endpoint != AUTODISCOVER_POX_PATH:
            return web.Response(status=404)
        return web.Response(status=302, headers={"Location": self.secure_url})

    def _enter(
        self,
        connection: int,
        request: Request,
        understood: Understood,
        account: str | web.Response,
        outcome: Outcome,
    ) -> None:
        unanswered = outcome.cut is not None and outcome.cut.after == 0
        record = Record(
            at=self.now(),
            connection=connection,
            method=request.method,
            scheme=request.scheme,
            host=request.host,
            path=request.path,
            headers={name: value for name, value in request.headers.items() if name != "authorization"},
            account=account if isinstance(account, str) else "",
            operation=understood.operation,
            mailbox=understood.mailbox,
            status=0 if unanswered else outcome.response.status,
            code=outcome.code,
            complaints=complaints(request, understood.operation, understood.mailbox),
            body=request.body if self.keep_bodies else b"",
        )
        self.ledger.add(record)


async def _read(raw: web.Request) -> Request:
    return Request(
        method=raw.method,
        scheme=raw.scheme,
        host=raw.host.partition(":")[0],
        path=raw.path,
        headers={name.lower(): value for name, value in raw.headers.items()},
        body=await raw.read(),
    )


def _response(request: Request, answer: Answer) -> web.Response:
    """Return the answer with the headers that an Exchange front end adds to every answer."""
    is_xml = answer.chunks is not None or answer.body.startswith(b"<?xml")
    media_type = "text/xml" if is_xml else "text/html"
    response = web.Response(
        status=answer.status,
        body=answer.body,
        headers={
            "Content-Type": f"{media_type}; charset=utf-8",
            "Cache-Control": "private",
            "request-id": str(uuid.uuid4()),
            "X-FEServer": FRONT_END,
            "X-BEServer": FRONT_END,
            "X-CalculatedBETarget": f"{FRONT_END.lower()}.corp.example",
            "X-DiagInfo": FRONT_END,
            "X-AspNet-Version": "4.0.30319",
        },
    )
    response.set_cookie("X-BackEndCookie", uuid.uuid4().hex, path="/EWS", secure=True, httponly=True)
    if answer.cookie:
        response.set_cookie(AFFINITY_COOKIE, answer.cookie, path="/", secure=True, httponly=True)
    if request.headers.get("return-client-request-id", "").casefold() == "true":
        response.headers["client-request-id"] = request.headers.get("client-request-id", "")
    return response


async def _send_chunks(
    raw: web.Request, response: web.Response, chunks: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """Send a streaming answer chunk by chunk for as long as the client listens."""
    hanging = web.StreamResponse(status=response.status, headers=response.headers)
    hanging.headers.popall("Content-Length", None)
    hanging.cookies.update(response.cookies)
    hanging.enable_chunked_encoding()
    with contextlib.suppress(ConnectionError):
        await hanging.prepare(raw)
        try:
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    await hanging.write(chunk)
        except BrokenOff:
            if raw.transport is not None:
                raw.transport.close()
    return hanging
