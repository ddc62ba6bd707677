"""The debug log: which exchanges there are, what was in them, what went wrong, and whether they are captured."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.api import log_wire
from engine.api.answers import answer
from engine.api.log_desk import LogDesk
from engine.api.peers import actor_of
from engine.api.problems import Refused, not_found
from engine.api.requests import body_of, query_of
from engine.api.routes import Route
from engine.api.schema import Problem
from engine.api.schema.log import (
    CaptureQuestion,
    CaptureState,
    FilterAnswer,
    LogBodyQuestion,
    LogDiagnosis,
    LogExchange,
    LogFilter,
    LogFilterQuestion,
    LogPage,
    LogQuestion,
    LogStatistics,
    Side,
)
from engine.debuglog.model import Kept
from engine.debuglog.reader import whole
from engine.debuglog.statistics import figures, troubles

BYTES = "application/octet-stream"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LogPart:
    """Answers from the exchanges that `desk` knows."""

    capabilities = ("log",)

    def __init__(self, desk: LogDesk) -> None:
        self._desk = desk

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        one = "/v1/log/exchanges/{id}"
        return (
            Route("GET", "/v1/log/exchanges", "log", "Exchanges by filter", self._page, LogPage, query=LogQuestion),
            Route("GET", one, "log_exchange", "One exchange", self._exchange, LogExchange),
            self._body_route(f"{one}/request", "log_request", "Its request, or a part", self._request),
            self._body_route(f"{one}/response", "log_response", "Its answer, or a part", self._response),
            Route(
                "GET",
                "/v1/log/statistics",
                "log_statistics",
                "Figures by operation and code",
                self._statistics,
                LogStatistics,
                query=LogFilter,
            ),
            Route(
                "GET",
                "/v1/log/diagnosis",
                "log_diagnosis",
                "What went wrong, and what to do",
                self._diagnosis,
                LogDiagnosis,
                query=LogFilter,
            ),
            Route(
                "GET",
                "/v1/log/filter",
                "log_filter",
                "What a filter says, where it is wrong, and how it may go on",
                self._filter,
                FilterAnswer,
                query=LogFilterQuestion,
            ),
            Route("GET", "/v1/log/capture", "log_capture", "Whether exchanges are captured", self._state, CaptureState),
            Route(
                "POST",
                "/v1/log/capture",
                "log_switch",
                "Capture exchanges, or do not",
                self._switch,
                CaptureState,
                body=CaptureQuestion,
                changes=True,
            ),
        )

    def _body_route(self, path: str, name: str, summary: str, handle: Handle) -> Route:
        return Route("GET", path, name, summary, handle, media_type=BYTES, query=LogBodyQuestion, headers=("Range",))

    async def _page(self, request: web.Request) -> web.Response:
        return answer(await self._desk.page(query_of(request, LogQuestion)))

    async def _exchange(self, request: web.Request) -> web.Response:
        return answer(log_wire.exchange(await self.found(request), self._desk.account()))

    async def _request(self, request: web.Request) -> web.Response:
        return await self._body(request, "request")

    async def _response(self, request: web.Request) -> web.Response:
        return await self._body(request, "response")

    async def _body(self, request: web.Request, side: Side) -> web.Response:
        self._desk.check_reader(request, "bodies of requests and answers")
        question = query_of(request, LogBodyQuestion)
        kept = await self.found(request)
        body = kept.request if side == "request" else kept.response
        if question.pretty:
            body = await self._desk.pretty(body)
        return part_of(request, body)

    async def _statistics(self, request: web.Request) -> web.Response:
        this, now = self._desk.now_filter(query_of(request, LogFilter).filter), self._desk.now()
        found = await self._desk.reader.run(lambda connection: figures(connection, this, now))
        return answer(log_wire.statistics(found))

    async def _diagnosis(self, request: web.Request) -> web.Response:
        this, now = self._desk.now_filter(query_of(request, LogFilter).filter), self._desk.now()
        found = await self._desk.reader.run(
            lambda connection: [(each, whole(connection, each.newest)) for each in troubles(connection, this, now)]
        )
        account = self._desk.account()
        findings = [finding for each, newest in found if (finding := log_wire.finding(each, newest, account))]
        return answer(LogDiagnosis(count=sum(each.count for each in findings), findings=tuple(findings)))

    async def _filter(self, request: web.Request) -> web.Response:
        return answer(await self._desk.check(query_of(request, LogFilterQuestion)))

    async def _state(self, request: web.Request) -> web.Response:
        return answer(self._desk.state())

    async def _switch(self, request: web.Request) -> web.Response:
        question = await body_of(request, CaptureQuestion)
        return answer(await self._desk.switch(question, await actor_of(request)))

    def check_reader(self, request: web.Request, what: str) -> None:
        """See LogDesk.check_reader."""
        self._desk.check_reader(request, what)

    async def found(self, request: web.Request) -> Kept:
        """Return the exchange that is asked for. Raises `Refused` if it is not there (any more)."""
        number = request.match_info["id"]
        kept = None
        if number.isascii() and number.isdigit() and len(number) < 19:
            kept = await self._desk.kept(int(number))
        if kept is None:
            raise not_found("exchange", "GET /v1/log/exchanges lists those that are kept; the oldest go first.")
        return kept


def part_of(request: web.Request, body: bytes) -> web.Response:
    """Return a body, or the range of it that was asked for (RFC 9110, section 14)."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if "Range" not in request.headers:
        return web.Response(body=body, content_type=BYTES, headers=headers)
    try:
        start, end, _ = request.http_range.indices(len(body))
    except ValueError:
        start, end = 0, 0
    if start >= end:
        raise Refused(
            Problem(
                type="no-such-range",
                title="There is no such part of the body",
                status=416,
                detail=f"It has {len(body)} bytes.",
                hint="For instance Range: bytes=0-65535.",
            )
        )
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return web.Response(status=206, body=body[start:end], content_type=BYTES, headers=headers)
