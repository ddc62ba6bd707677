"""Routes of the debug log: entries, statistics, capturing and export."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.api.schema import Problem
from engine.api.schema.log import (
    BodySide,
    CaptureQuestion,
    CaptureState,
    FilterAnswer,
    LogBodyQuestion,
    LogDiagnosis,
    LogExchange,
    LogExportQuestion,
    LogFilter,
    LogFilterQuestion,
    LogHistogram,
    LogHistogramQuestion,
    LogPage,
    LogQuestion,
    LogStatistics,
)
from engine.debuglog.entry import LogEntry, Peer
from engine.debuglog.histogram import histogram
from engine.debuglog.query import whole
from engine.debuglog.statistics import figures, troubles
from engine.server import log
from engine.server.acceptor import actor_of
from engine.server.http import JSON, ApiError, Route, answer, body_of, not_found, query_of
from engine.server.log import LogService
from engine.server.log_export import LogExport

BYTES = "application/octet-stream"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LogRoutes:
    """Answers from the entries in `api_state`."""

    capabilities = ("log",)

    def __init__(self, api_state: LogService) -> None:
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        one = "/v1/log/exchanges/{id}"
        return (
            Route("GET", "/v1/log/exchanges", "log", "Exchanges by filter", self._page, LogPage, query=LogQuestion),
            Route("GET", one, "log_exchange", "One entry", self._exchange, LogExchange),
            self._body_route(f"{one}/request", "log_request", "Its request, or a part", self._request),
            self._body_route(f"{one}/response", "log_response", "Its response, or a part", self._response),
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
                "/v1/log/histogram",
                "log_histogram",
                "How many entries ended when",
                self._histogram,
                LogHistogram,
                query=LogHistogramQuestion,
            ),
            Route(
                "GET",
                "/v1/log/diagnosis",
                "log_diagnosis",
                "Errors and their remedies",
                self._diagnosis,
                LogDiagnosis,
                query=LogFilter,
            ),
            Route(
                "GET",
                "/v1/log/filter",
                "log_filter",
                "Meaning, error and completions of a filter",
                self._filter,
                FilterAnswer,
                query=LogFilterQuestion,
            ),
            Route("GET", "/v1/log/capture", "log_capture", "Whether exchanges are captured", self._state, CaptureState),
            Route(
                "POST",
                "/v1/log/capture",
                "log_switch",
                "Switch capturing on or off",
                self._switch,
                CaptureState,
                body=CaptureQuestion,
                changes=True,
            ),
        )

    def _body_route(self, path: str, name: str, summary: str, handle: Handle) -> Route:
        return Route("GET", path, name, summary, handle, media_type=BYTES, query=LogBodyQuestion, headers=("Range",))

    async def _page(self, request: web.Request) -> web.Response:
        return answer(await self._api_state.page(query_of(request, LogQuestion)))

    async def _exchange(self, request: web.Request) -> web.Response:
        return answer(log.exchange(await self.found(request), self._api_state.account()))

    async def _request(self, request: web.Request) -> web.Response:
        return await self._body(request, "request")

    async def _response(self, request: web.Request) -> web.Response:
        return await self._body(request, "response")

    async def _body(self, request: web.Request, side: BodySide) -> web.Response:
        self._api_state.check_reader(request, "bodies of requests and responses")
        question = query_of(request, LogBodyQuestion)
        kept = await self.found(request)
        body = kept.request if side == "request" else kept.response
        if question.pretty:
            body = await self._api_state.pretty(body)
        return part_of(request, body)

    async def _statistics(self, request: web.Request) -> web.Response:
        this, now = self._api_state.now_filter(query_of(request, LogFilter).filter), self._api_state.now()
        found = await self._api_state.reader.run(lambda connection: figures(connection, this, now))
        return answer(log.statistics(found))

    async def _histogram(self, request: web.Request) -> web.Response:
        question = query_of(request, LogHistogramQuestion)
        this, now = self._api_state.now_filter(question.filter), self._api_state.now()
        found = await self._api_state.reader.run(
            lambda connection: histogram(
                connection,
                this,
                now,
                columns=question.columns,
                begin=question.begin.timestamp() if question.begin else None,
                seconds=question.seconds,
            )
        )
        return answer(log.histogram_answer(found))

    async def _diagnosis(self, request: web.Request) -> web.Response:
        this, now = self._api_state.now_filter(query_of(request, LogFilter).filter), self._api_state.now()
        found = await self._api_state.reader.run(
            lambda connection: [(each, whole(connection, each.newest)) for each in troubles(connection, this, now)]
        )
        account = self._api_state.account()
        findings = [finding for each, newest in found if (finding := log.finding(each, newest, account))]
        return answer(LogDiagnosis(count=sum(each.count for each in findings), findings=tuple(findings)))

    async def _filter(self, request: web.Request) -> web.Response:
        return answer(await self._api_state.check(query_of(request, LogFilterQuestion)))

    async def _state(self, request: web.Request) -> web.Response:
        return answer(self._api_state.state())

    async def _switch(self, request: web.Request) -> web.Response:
        question = await body_of(request, CaptureQuestion)
        return answer(await self._api_state.switch(question, await actor_of(request)))

    def check_reader(self, request: web.Request, what: str) -> None:
        """See LogService.check_reader."""
        self._api_state.check_reader(request, what)

    async def found(self, request: web.Request) -> LogEntry:
        """Return the requested entry. Raises `ApiError` if it does not exist, or no longer does."""
        number = request.match_info["id"]
        kept = None
        if number.isascii() and number.isdigit() and len(number) < 19:
            kept = await self._api_state.kept(int(number))
        if kept is None:
            raise not_found("exchange", "GET /v1/log/exchanges lists those kept; the oldest are deleted first.")
        return kept


def part_of(request: web.Request, body: bytes) -> web.Response:
    """Return a body, or the requested range of it (RFC 9110, section 14)."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if "Range" not in request.headers:
        return web.Response(body=body, content_type=BYTES, headers=headers)
    try:
        start, end, _ = request.http_range.indices(len(body))
    except ValueError:
        start, end = 0, 0
    if start >= end:
        raise ApiError(
            Problem(
                type="no-such-range",
                title="The range is not part of the body",
                status=416,
                detail=f"It has {len(body)} bytes.",
                hint="For instance Range: bytes=0-65535.",
            )
        )
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return web.Response(status=206, body=body[start:end], content_type=BYTES, headers=headers)


ZIP = "application/zip"
TEXT = "text/plain"


class LogExportRoutes:
    """Answers from `export`; single entries are found by `log`."""

    capabilities = ("log-export",)

    def __init__(self, log: LogRoutes, export: LogExport) -> None:
        self._log = log
        self._export = export

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route(
                "GET",
                "/v1/log/exchanges/{id}/curl",
                "log_curl",
                "One entry as a curl command",
                self._curl,
                media_type=TEXT,
            ),
            Route("GET", "/v1/log/har", "log_har", "Exchanges as an HTTP Archive", self._har, query=LogExportQuestion),
            Route(
                "GET",
                "/v1/log/bundle",
                "log_bundle",
                "Exchanges with settings and status, as a zip file",
                self._bundle,
                media_type=ZIP,
                query=LogExportQuestion,
            ),
        )

    async def _curl(self, request: web.Request) -> web.Response:
        self._log.check_reader(request, "bodies of requests")
        kept = await self._log.found(request)
        if kept.row.peer is Peer.PBX:
            raise not_found("curl command", "An entry of the PBX is a message over a WebSocket.")
        return web.Response(text=self._export.curl(kept), content_type=TEXT)

    def _question(self, request: web.Request) -> LogExportQuestion:
        question = query_of(request, LogExportQuestion)
        if question.persons:
            self._log.check_reader(request, "addresses, names and subjects")
        return question

    async def _har(self, request: web.Request) -> web.Response:
        body = await self._export.har(self._question(request))
        return _file(body, JSON, "calendar-engine.har")

    async def _bundle(self, request: web.Request) -> web.Response:
        body = await self._export.bundle(self._question(request))
        return _file(body, ZIP, "calendar-engine-support.zip")


def _file(body: bytes, media_type: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type=media_type, headers=headers)
