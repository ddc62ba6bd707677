"""What the debug log gives out: as curl, as an HTTP Archive, and as a support bundle."""

from aiohttp import web

from engine.api.handlers.log import LogPart
from engine.api.log_export import LogExport
from engine.api.requests import query_of
from engine.api.routes import JSON, Route
from engine.api.schema.log import LogExportQuestion

ZIP = "application/zip"
TEXT = "text/plain"


class LogExportPart:
    """Answers by `export`; one exchange is found by `log`."""

    capabilities = ("log-export",)

    def __init__(self, log: LogPart, export: LogExport) -> None:
        self._log = log
        self._export = export

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route(
                "GET",
                "/v1/log/exchanges/{id}/curl",
                "log_curl",
                "One exchange as a command for curl",
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
        return web.Response(text=self._export.curl(await self._log.found(request)), content_type=TEXT)

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
