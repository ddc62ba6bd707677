"""The answer to every request, and the table of them all."""

import msgspec
from aiohttp import web

from engine.api import metrics, wire
from engine.api.desk import Desk
from engine.api.openapi import document
from engine.api.peers import actor_of
from engine.api.problems import Refused, not_found
from engine.api.requests import body_of, query_of
from engine.api.routes import JSON, Route
from engine.api.schema import (
    About,
    AuditLog,
    EventsQuestion,
    FieldProblem,
    Operation,
    Operations,
    Problem,
    ResyncQuestion,
    Rights,
    Status,
    UserDetail,
    UsersPage,
    UsersQuestion,
)
from engine.api.stream import EventStream, Patience, topics_named

API_VERSION = 1
CAPABILITIES = ("status", "users", "resync", "operations", "events", "audit", "metrics")


class Handlers:
    """Answers requests from one desk; `may_change` is what the socket admits to."""

    def __init__(self, desk: Desk, patience: Patience, *, may_change: bool) -> None:
        self._desk = desk
        self._patience = patience
        self._may_change = may_change

    def routes(self) -> tuple[Route, ...]:
        """Return every request there is."""
        return (*self._reading(), *self._changing())

    def _reading(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/v1", "about", "Version, capabilities and the caller's rights", self._about, About),
            Route("GET", "/v1/status", "status", "Links, counts and problems", self._status, Status),
            Route(
                "GET", "/v1/users", "users", "Users, filtered and sorted", self._users, UsersPage, query=UsersQuestion
            ),
            Route("GET", "/v1/users/{guid}", "user", "Everything about one user, and why", self._user, UserDetail),
            Route("GET", "/v1/operations", "operations", "Operations, the newest first", self._operations, Operations),
            Route("GET", "/v1/operations/{id}", "operation", "Progress of an operation", self._operation, Operation),
            Route("GET", "/v1/audit", "audit", "Who changed what, the newest first", self._audit, AuditLog),
            Route(
                "GET",
                "/v1/events",
                "events",
                "Server-sent events: a snapshot, then what happens",
                self._events,
                media_type="text/event-stream",
                query=EventsQuestion,
                headers=("Last-Event-ID",),
            ),
            Route("GET", "/v1/metrics", "metrics", "Figures for Prometheus", self._metrics, media_type="text/plain"),
            Route("GET", "/v1/openapi.json", "openapi", "This document", self._openapi),
        )

    def _changing(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/v1/resync",
                "resync",
                "Read the calendars of everybody, or of some, anew",
                self._resync,
                Operation,
                status=202,
                body=ResyncQuestion,
                changes=True,
            ),
            Route(
                "POST",
                "/v1/users/{guid}/resync",
                "resync_user",
                "Read one user's calendar anew",
                self._resync_user,
                Operation,
                status=202,
                changes=True,
            ),
            Route("DELETE", "/v1/operations/{id}", "cancel", "Call it off", self._cancel, Operation, changes=True),
        )

    async def _about(self, request: web.Request) -> web.Response:
        return answer(
            About(
                api=API_VERSION,
                version=wire.VERSION,
                boot=self._desk.events.boot,
                capabilities=CAPABILITIES,
                rights=Rights(read=True, change=self._may_change),
                actor=await actor_of(request),
            )
        )

    async def _status(self, request: web.Request) -> web.Response:
        return answer(self._desk.status())

    async def _users(self, request: web.Request) -> web.Response:
        return answer(self._desk.rows.page(query_of(request, UsersQuestion)))

    async def _user(self, request: web.Request) -> web.Response:
        guid = request.match_info["guid"]
        user = self._desk.account(guid)
        if user is None:
            raise _no_user()
        return answer(wire.detail(user, self._desk.history.of(guid)))

    async def _operations(self, request: web.Request) -> web.Response:
        return answer(Operations(operations=self._desk.operations.all()))

    async def _operation(self, request: web.Request) -> web.Response:
        return answer(_found(self._desk.operations.get(request.match_info["id"])))

    async def _audit(self, request: web.Request) -> web.Response:
        return answer(AuditLog(entries=self._desk.audit.entries()))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        topics = topics_named(query_of(request, EventsQuestion).topics)
        return await EventStream(self._desk, topics, self._patience).run(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        text = metrics.exposition(self._desk.status(), self._desk.counters, self._desk.events.listeners)
        return web.Response(body=text.encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(document(self.routes())), content_type=JSON)

    async def _resync(self, request: web.Request) -> web.Response:
        question = await body_of(request, ResyncQuestion)
        everybody = self._desk.engine.guids()
        if question.users is None:
            return await self._begin_resync(request, everybody, "everybody")
        known = set(everybody)
        unknown = [index for index, guid in enumerate(question.users) if guid not in known]
        if unknown:
            fields = tuple(FieldProblem(pointer=f"/users/{index}", detail="no such user") for index in unknown[:100])
            raise Refused(
                Problem(
                    type="unknown-users",
                    title="Some of these users do not take part",
                    status=422,
                    hint="GET /v1/users lists everybody. Nothing was begun.",
                    fields=fields,
                )
            )
        return await self._begin_resync(request, question.users, f"{len(set(question.users))} users")

    async def _resync_user(self, request: web.Request) -> web.Response:
        guid = request.match_info["guid"]
        if self._desk.engine.glance(guid) is None:
            raise _no_user()
        return await self._begin_resync(request, (guid,), f"user {guid}")

    async def _begin_resync(self, request: web.Request, guids: tuple[str, ...], subject: str) -> web.Response:
        actor = await actor_of(request)
        self._desk.write_down(actor, "resync", subject)
        operation = self._desk.operations.resync(guids, actor)
        return answer(operation, status=202, headers={"Location": f"/v1/operations/{operation.id}"})

    async def _cancel(self, request: web.Request) -> web.Response:
        operation = _found(self._desk.operations.get(request.match_info["id"]))
        self._desk.write_down(await actor_of(request), "cancel", f"operation {operation.id}")
        return answer(_found(self._desk.operations.cancel(operation.id)))


def answer(body: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a body as it is sent."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON, headers=headers)


def _no_user() -> Refused:
    return not_found("user", "GET /v1/users lists everybody who takes part.")


def _found(operation: Operation | None) -> Operation:
    if operation is None:
        raise not_found("operation", "GET /v1/operations lists those that are remembered.")
    return operation
