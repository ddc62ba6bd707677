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
            Route(
                method="GET",
                path="/v1",
                name="about",
                summary="Version, capabilities and the caller's rights",
                handle=self._about,
                answer=About,
            ),
            Route(
                method="GET",
                path="/v1/status",
                name="status",
                summary="Links, counts and problems, the most important first",
                handle=self._status,
                answer=Status,
            ),
            Route(
                method="GET",
                path="/v1/users",
                name="users",
                summary="Users, filtered, sorted and by the page",
                handle=self._users,
                answer=UsersPage,
                query=UsersQuestion,
            ),
            Route(
                method="GET",
                path="/v1/users/{guid}",
                name="user",
                summary="One user: mailbox, appointments, the decision with its reasons, the last changes",
                handle=self._user,
                answer=UserDetail,
            ),
            Route(
                method="GET",
                path="/v1/operations",
                name="operations",
                summary="Operations that are running, and the last ones",
                handle=self._operations,
                answer=Operations,
            ),
            Route(
                method="GET",
                path="/v1/operations/{id}",
                name="operation",
                summary="The progress of one operation",
                handle=self._operation,
                answer=Operation,
            ),
            Route(
                method="GET",
                path="/v1/audit",
                name="audit",
                summary="Who changed what, the newest first",
                handle=self._audit,
                answer=AuditLog,
            ),
            Route(
                method="GET",
                path="/v1/events",
                name="events",
                summary="Server-sent events: a snapshot, then what happens",
                handle=self._events,
                media_type="text/event-stream",
                query=EventsQuestion,
                headers=("Last-Event-ID",),
            ),
            Route(
                method="GET",
                path="/v1/metrics",
                name="metrics",
                summary="Figures in the text format of Prometheus",
                handle=self._metrics,
                media_type="text/plain",
            ),
            Route(
                method="GET",
                path="/v1/openapi.json",
                name="openapi",
                summary="This document",
                handle=self._openapi,
                media_type=JSON,
            ),
        )

    def _changing(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/v1/resync",
                name="resync",
                summary="Read the calendars of everybody, or of some, anew",
                handle=self._resync,
                answer=Operation,
                status=202,
                body=ResyncQuestion,
                changes=True,
            ),
            Route(
                method="POST",
                path="/v1/users/{guid}/resync",
                name="resync_user",
                summary="Read one user's calendar anew",
                handle=self._resync_user,
                answer=Operation,
                status=202,
                changes=True,
            ),
            Route(
                method="DELETE",
                path="/v1/operations/{id}",
                name="cancel",
                summary="Call an operation off",
                handle=self._cancel,
                answer=Operation,
                changes=True,
            ),
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
        user = self._desk.engine.account(guid)
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
