"""Routes for status, events, metrics, operations, audit log, versions and the API's description."""

from collections.abc import Sequence

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from engine.api.schema import About, AuditLog, EventsQuestion, Operation, Operations, RecentChanges, Rights, Status
from engine.server import convert, metrics
from engine.server.acceptor import actor_of
from engine.server.event_stream import EventStream, StreamTimeouts, topics_named
from engine.server.http import JSON, Route, Routes, answer, not_found, query_of
from engine.server.openapi import document
from engine.server.state import ApiState


def figures(api_state: ApiState) -> web.Response:
    """Return the metrics of `api_state` as a response."""
    text = metrics.exposition(api_state.status(), api_state.counters, api_state.events.listeners, api_state.loop_lag)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class StateRoutes:
    """Answers from the state in `api_state`; `patience` are the timeouts of event streams."""

    capabilities = ("status", "changes", "events", "metrics")

    def __init__(self, api_state: ApiState, patience: StreamTimeouts) -> None:
        self._api_state = api_state
        self._patience = patience

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1/status", "status", "Links, counts and problems", self._status, Status),
            Route("GET", "/v1/changes", "changes", "Recent changes", self._changes, RecentChanges),
            Route(
                "GET",
                "/v1/events",
                "events",
                "Server-sent events: a snapshot, then live events",
                self._events,
                media_type="text/event-stream",
                query=EventsQuestion,
                headers=("Last-Event-ID",),
            ),
            Route("GET", "/v1/metrics", "metrics", "Metrics for Prometheus", self._metrics, media_type="text/plain"),
        )

    async def _status(self, request: web.Request) -> web.Response:
        return answer(self._api_state.status())

    async def _changes(self, request: web.Request) -> web.Response:
        return answer(RecentChanges(changes=tuple(self._api_state.history.recent)))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        topics = topics_named(query_of(request, EventsQuestion).topics)
        return await EventStream(self._api_state, topics, self._patience).run(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        return figures(self._api_state)


API_VERSION = 1


class AboutRoutes:
    """Describes the other `parts` and itself; `boot` changes with every restart."""

    capabilities: tuple[str, ...] = ()

    def __init__(self, parts: Sequence[Routes], boot: str, *, may_change: bool) -> None:
        self._parts = parts
        self._boot = boot
        self._may_change = may_change

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1", "about", "Version, capabilities and the caller's rights", self._about, About),
            Route("GET", "/v1/openapi.json", "openapi", "This document", self._openapi),
        )

    async def _about(self, request: web.Request) -> web.Response:
        return answer(
            About(
                api=API_VERSION,
                version=convert.VERSION,
                boot=self._boot,
                capabilities=tuple(name for part in self._parts for name in part.capabilities),
                rights=Rights(read=True, change=self._may_change),
                actor=await actor_of(request),
            )
        )

    async def _openapi(self, request: web.Request) -> web.Response:
        routes = [route for part in (self, *self._parts) for route in part.routes()]
        return web.Response(body=msgspec.json.encode(document(routes)), content_type=JSON)


class OperationRoutes:
    """Answers from the operations and the audit log of `api_state`."""

    capabilities = ("operations", "audit")

    def __init__(self, api_state: ApiState) -> None:
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1/operations", "operations", "Operations, the newest first", self._operations, Operations),
            Route("GET", "/v1/operations/{id}", "operation", "Progress of an operation", self._operation, Operation),
            Route("DELETE", "/v1/operations/{id}", "cancel", "Cancel it", self._cancel, Operation, changes=True),
            Route("GET", "/v1/audit", "audit", "Who changed what, the newest first", self._audit, AuditLog),
        )

    async def _operations(self, request: web.Request) -> web.Response:
        return answer(Operations(operations=self._api_state.operations.all()))

    async def _operation(self, request: web.Request) -> web.Response:
        return answer(_found(self._api_state.operations.get(request.match_info["id"])))

    async def _cancel(self, request: web.Request) -> web.Response:
        operation = _found(self._api_state.operations.get(request.match_info["id"]))
        await self._api_state.audit_change(await actor_of(request), "cancel", f"operation {operation.id}")
        return answer(_found(self._api_state.operations.cancel(operation.id)))

    async def _audit(self, request: web.Request) -> web.Response:
        await self._api_state.audit.refresh()
        return answer(AuditLog(entries=self._api_state.audit.entries()))


def _found(operation: Operation | None) -> Operation:
    if operation is None:
        raise not_found("operation", "GET /v1/operations lists those kept.")
    return operation
