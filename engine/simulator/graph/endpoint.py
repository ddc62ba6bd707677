"""Endpoint between aiohttp and Graph: log-in, limits, faults, batches and the ledger."""

import gzip
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from random import Random
from typing import TypeAlias

from aiohttp import web

from engine.simulator.faults import Cut, Effect, Faults, ODataError, Reply, Unauthorized
from engine.simulator.graph.batch import Part, answers_to, batch_answer, read_batch
from engine.simulator.graph.complaints import complaints_about, complaints_about_batch
from engine.simulator.graph.errors import DEPENDENCY_FAILED, Refusal, invalid_token
from engine.simulator.graph.gate import Gate
from engine.simulator.graph.request import VERSION, Answer, GraphRequest, answered, failed
from engine.simulator.graph.service import BATCH, OF_OUTLOOK, GraphService, Understood
from engine.simulator.graph.tenant import Caller
from engine.simulator.graph.throttle import OF_BATCHES, Throttle
from engine.simulator.ledger import Ledger, Record
from engine.simulator.serving import ConnectionNumbers, cut_off, wait

Observer: TypeAlias = Callable[[GraphRequest, Answer], None]
"""Called with every request that was answered: for a batch with each part, then with the batch."""


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sent a request: over which connection, as which application or with which wrong token, in which batch."""

    connection: int
    caller: Caller | ODataError
    batch: int = 0

    @property
    def account(self) -> str:
        """The client id of the application, "" if it is not logged in."""
        return self.caller.client_id if isinstance(self.caller, Caller) else ""


@dataclass(slots=True)
class Endpoint:
    """Answers the requests of the listener; `now` dates the records, `needed` is what an event has to be asked for."""

    service: GraphService
    gate: Gate
    throttle: Throttle
    faults: Faults
    ledger: Ledger
    now: Callable[[], datetime]
    needed: frozenset[str] | None
    observe: Observer | None
    keep_bodies: bool
    _connections: ConnectionNumbers = field(default_factory=ConnectionNumbers)
    _batches: "count[int]" = field(default_factory=lambda: count(1))
    _random: Random = field(default_factory=lambda: Random(1))  # noqa: S311

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        """Answer one request."""
        connection = self._connections.of(raw.transport)
        try:
            request = await _read(raw)
        except ConnectionError:
            # The client has gone; a real server ignores that, too.
            return web.Response(status=400)
        sender = _Sender(connection, self.gate.admit(request))
        understood = self.service.understand(request)
        if understood.operation == BATCH and request.path == "/$batch":
            answer, cut = await self._batch(request, understood, sender)
        else:
            answer, cut = await self._single(request, understood, sender)
        response = _response(request, answer, may_zip=self.service.tenant.behaviour.zips_answers)
        return response if cut is None else await cut_off(raw, response, cut)

    async def _single(
        self, request: GraphRequest, understood: Understood, sender: _Sender
    ) -> tuple[Answer, Cut | None]:
        refused = self._enter(understood, sender)
        try:
            effects = await self._effects(request, understood, sender)
            answer = self._answer(request, understood, sender, refused, effects)
        finally:
            self._leave(understood, sender)
        cut = next((effect for effect in effects if isinstance(effect, Cut)), None)
        self._record(request, understood, sender, answer, cut, complaints_about(request, understood, self.needed))
        return answer, cut

    async def _batch(self, batch: GraphRequest, understood: Understood, sender: _Sender) -> tuple[Answer, Cut | None]:
        sender = _Sender(sender.connection, sender.caller, next(self._batches))
        refused = self.throttle.enter_batch(sender.account)
        effects, mailboxes = list[Effect](), list[str]()
        try:
            effects = await self._effects(batch, understood, sender)
            answer = self._overridden(batch, sender, effects)
            if answer is None and refused is not None:
                raise Refusal(refused)
            if answer is None:
                if batch.method != "POST":
                    raise Refusal(ODataError(405, "Request_BadRequest", "Specified HTTP method is not allowed."))
                parts = read_batch(batch)
                mailboxes = [self._understand_part(part).mailbox for part in parts]
                answer = answered(await self._answer_parts(parts, sender), {})
        except Refusal as refusal:
            answer = self._failed(refusal.error, batch)
        finally:
            self.throttle.leave(sender.account, OF_BATCHES)
        cut = next((effect for effect in effects if isinstance(effect, Cut)), None)
        complaints = complaints_about_batch(batch, filter(None, mailboxes))
        self._record(batch, understood, sender, answer, cut, complaints)
        return answer, cut

    async def _answer_parts(self, parts: Sequence[Part], sender: _Sender) -> dict[str, object]:
        """Answer all parts. Those that wait for nothing are at their mailboxes at once, however many they are."""
        waiting = {part.id: self._understand_part(part) for part in parts if not part.depends_on}
        refusals = {part_id: self._enter(understood, sender) for part_id, understood in waiting.items()}

        async def answer_part(part: Part) -> Answer | None:
            understood = waiting.pop(part.id, None) or self._understand_part(part)
            refused = refusals[part.id] if part.id in refusals else self._enter(understood, sender)
            try:
                effects = await self._effects(part.request, understood, sender)
                answer = self._answer(part.request, understood, sender, refused, effects)
            finally:
                self._leave(understood, sender)
            return self._record_part(part, understood, sender, answer, effects)

        def fail_part(part: Part) -> Answer:
            answer = self._failed(DEPENDENCY_FAILED, part.request)
            self._record_part(part, self._understand_part(part), sender, answer, [])
            return answer

        try:
            return batch_answer(parts, await answers_to(parts, answer_part, fail_part), self._random)
        finally:
            for understood in waiting.values():
                self._leave(understood, sender)

    def _record_part(
        self, part: Part, understood: Understood, sender: _Sender, answer: Answer, effects: Sequence[Effect]
    ) -> Answer | None:
        """Record a part, and return its answer, None if it is to be left out."""
        cut = next((Cut() for effect in effects if isinstance(effect, Cut)), None)
        complaints = complaints_about(part.request, understood, self.needed)
        self._record(part.request, understood, sender, answer, cut, complaints)
        return answer if cut is None else None

    def _understand_part(self, part: Part) -> Understood:
        return self.service.understand(part.request)

    def _enter(self, understood: Understood, sender: _Sender) -> ODataError | None:
        if understood.operation not in OF_OUTLOOK or not sender.account:
            return None
        return self.throttle.enter(sender.account, understood.mailbox)

    def _leave(self, understood: Understood, sender: _Sender) -> None:
        if understood.operation in OF_OUTLOOK and sender.account:
            self.throttle.leave(sender.account, understood.mailbox)

    async def _effects(self, request: GraphRequest, understood: Understood, sender: _Sender) -> list[Effect]:
        """Return the effects on a request, after having waited for as long as they demand."""
        effects = self.faults.take(
            operation=understood.operation,
            mailbox=understood.mailbox,
            host=request.host.partition(":")[0],
            path=request.path,
            logged_in=bool(sender.account),
        )
        await wait(effects)
        return effects

    def _overridden(self, request: GraphRequest, sender: _Sender, effects: Sequence[Effect]) -> Answer | None:
        """Return the answer of a fault or of the log-in, which precede that of Graph, None if neither has one."""
        for effect in effects:
            if isinstance(effect, Reply):
                return Answer(effect.status, effect.body, effect.headers)
            if isinstance(effect, ODataError):
                return self._failed(effect, request)
            if isinstance(effect, Unauthorized):
                return self._failed(invalid_token("Access token validation failure."), request)
        return self._failed(sender.caller, request) if isinstance(sender.caller, ODataError) else None

    def _answer(
        self,
        request: GraphRequest,
        understood: Understood,
        sender: _Sender,
        refused: ODataError | None,
        effects: Sequence[Effect],
    ) -> Answer:
        overridden = self._overridden(request, sender, effects)
        if overridden is not None or not isinstance(sender.caller, Caller):
            return overridden or self._failed(invalid_token(""), request)
        if refused is not None:
            return self._failed(refused, request)
        try:
            return self.service.answer(request, understood, sender.caller, effects)
        except Refusal as refusal:
            return self._failed(refusal.error, request)

    def _failed(self, error: ODataError, request: GraphRequest) -> Answer:
        return failed(error, request, str(uuid.uuid4()), f"{self.now():%Y-%m-%dT%H:%M:%S}")

    def _record(
        self,
        request: GraphRequest,
        understood: Understood,
        sender: _Sender,
        answer: Answer,
        cut: Cut | None,
        complaints: tuple[str, ...],
    ) -> None:
        unanswered = cut is not None and cut.after == 0
        record = Record(
            at=self.now(),
            connection=sender.connection,
            method=request.method,
            scheme="https",
            host=request.host.partition(":")[0],
            path=request.path,
            query=request.query,
            headers={name: value for name, value in request.headers.items() if name != "authorization"},
            account=sender.account,
            operation=understood.operation,
            mailbox=understood.mailbox,
            status=0 if unanswered else answer.status,
            code=answer.code,
            complaints=complaints,
            body=request.body if self.keep_bodies else b"",
            batch=sender.batch,
        )
        self.ledger.add(record)
        if self.observe is not None and cut is None:
            self.observe(request, answer)


async def _read(raw: web.Request) -> GraphRequest:
    path, _, query = raw.raw_path.partition("?")
    if path[: len(VERSION) + 1].casefold() == f"{VERSION}/":
        path = path[len(VERSION) :]
    return GraphRequest(
        method=raw.method,
        host=raw.host,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in raw.headers.items()},
        body=await raw.read(),
    )


def _response(request: GraphRequest, answer: Answer, *, may_zip: bool) -> web.Response:
    """Return the answer with the headers that Graph adds to every answer, compressed if it `may_zip` and is asked
    to."""
    headers = {"request-id": str(uuid.uuid4()), "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Simulated"}}'}
    if "client-request-id" in request.headers:
        headers["client-request-id"] = request.headers["client-request-id"]
    body = answer.body
    if may_zip and "gzip" in request.headers.get("accept-encoding", "") and not isinstance(answer.content, bytes):
        body = gzip.compress(body, compresslevel=1)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return web.Response(status=answer.status, body=body, headers=headers | dict(answer.headers))
