"""Requests about the debug log."""

from collections.abc import AsyncIterator
from typing import Literal

from engine.api.client import ApiClient, decoded, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema.log import (
    BodySide,
    CaptureQuestion,
    CaptureState,
    FilterAnswer,
    LogBodyQuestion,
    LogDiagnosis,
    LogEvent,
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

BODY_PORTION = 1024 * 1024
"""Bytes of a body per request: as many as are kept."""

LOG = f"{VERSION_1}/log"
EXCHANGES = f"{LOG}/exchanges"

Export = Literal["har", "bundle"]


class LogRequests:
    """Requests about the debug log. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def page(self, question: LogQuestion) -> LogPage:
        """Return a page of rows."""
        return await self._api.get(EXCHANGES, LogPage, question)

    async def understood(self, question: LogFilterQuestion) -> FilterAnswer:
        """Return the meaning of a filter, or the position of its error."""
        return await self._api.get(f"{LOG}/filter", FilterAnswer, question)

    async def exchange(self, id: int | str) -> LogExchange:  # noqa: A002 - as in the API
        """Return one entry without its bodies."""
        return await self._api.get(_path(id), LogExchange)

    async def portion(self, id: int | str, side: BodySide, start: int) -> bytes:  # noqa: A002 - as in the API
        """Return a portion of a body from byte `start` on, empty beyond its end."""
        head = {"Range": f"bytes={start}-{start + BODY_PORTION - 1}"}
        return await self._api.read(f"{_path(id)}/{side}", head=head)

    async def body(self, id: int | str, side: BodySide, *, pretty: bool) -> bytes:  # noqa: A002 - as in the API
        """Return a whole body, indented on request if it is XML."""
        return await self._api.read(f"{_path(id)}/{side}", LogBodyQuestion(pretty=pretty))

    async def curl(self, id: int | str) -> bytes:  # noqa: A002 - as in the API
        """Return one entry as a curl command."""
        return await self._api.read(f"{_path(id)}/curl")

    async def export(self, kind: Export, question: LogExportQuestion) -> bytes:
        """Return entries as an export file."""
        return await self._api.read(f"{LOG}/{kind}", question)

    async def statistics(self, filter: str) -> LogStatistics:  # noqa: A002 - as in the API
        """Return statistics."""
        return await self._api.get(f"{LOG}/statistics", LogStatistics, LogFilter(filter=filter))

    async def histogram(self, question: LogHistogramQuestion) -> LogHistogram:
        """Return how many entries ended when."""
        return await self._api.get(f"{LOG}/histogram", LogHistogram, question)

    async def diagnosis(self, filter: str) -> LogDiagnosis:  # noqa: A002 - as in the API
        """Return the errors with their meanings and remedies."""
        return await self._api.get(f"{LOG}/diagnosis", LogDiagnosis, LogFilter(filter=filter))

    async def capture(self) -> CaptureState:
        """Return the state of capturing."""
        return await self._api.get(f"{LOG}/capture", CaptureState)

    async def switch(self, question: CaptureQuestion) -> CaptureState:
        """Start or stop capturing."""
        return await self._api.post(f"{LOG}/capture", CaptureState, question)


async def capture_events(api: ApiClient) -> AsyncIterator[LogEvent]:
    """Yield the state of capturing, then every event of the log. Ends with a `ClientFailure`."""
    yield LogEvent(number=0, capture=await LogRequests(api).capture())
    async for event in log_events(api):
        yield event


async def log_events(api: ApiClient) -> AsyncIterator[LogEvent]:
    """Yield every event of the log. Ends with a `ClientFailure`."""
    async for event in api.events("log"):
        if event.name == "log":
            yield decoded(event.data, LogEvent, event.name)


def _path(id: int | str) -> str:  # noqa: A002 - as in the API
    return f"{EXCHANGES}/{quoted_segment(str(id))}"
