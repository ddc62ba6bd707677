"""How things stand, what happens, and in figures."""

from aiohttp import web

from engine.api.answers import answer, figures
from engine.api.desk import Desk
from engine.api.requests import query_of
from engine.api.routes import Route
from engine.api.schema import EventsQuestion, RecentChanges, Status
from engine.api.stream import EventStream, Patience, topics_named


class StatePart:
    """Answers from what `desk` knows; `patience` is what an event stream has with a slow listener."""

    capabilities = ("status", "changes", "events", "metrics")

    def __init__(self, desk: Desk, patience: Patience) -> None:
        self._desk = desk
        self._patience = patience

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1/status", "status", "Links, counts and problems", self._status, Status),
            Route("GET", "/v1/changes", "changes", "What happened lately", self._changes, RecentChanges),
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
        )

    async def _status(self, request: web.Request) -> web.Response:
        return answer(self._desk.status())

    async def _changes(self, request: web.Request) -> web.Response:
        return answer(RecentChanges(changes=tuple(self._desk.history.recent)))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        topics = topics_named(query_of(request, EventsQuestion).topics)
        return await EventStream(self._desk, topics, self._patience).run(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        return figures(self._desk)
