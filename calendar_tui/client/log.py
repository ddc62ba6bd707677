"""The log of exchanges as the local API has it."""

from collections.abc import AsyncIterator
from typing import Literal

from calendar_tui.client.api import Api, understood, with_query
from engine.api.schema.log import (
    CaptureQuestion,
    CaptureState,
    FilterAnswer,
    LogDiagnosis,
    LogEvent,
    LogExchange,
    LogExportQuestion,
    LogFilter,
    LogFilterQuestion,
    LogPage,
    LogQuestion,
    LogStatistics,
    Side,
)

BODY_PORTION = 1_000_000
"""Bytes of a body that are asked for at once."""

Export = Literal["har", "bundle"]


class Log:
    """Asks about exchanges. Every method raises a `ClientFailure`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, question: LogQuestion) -> LogPage:
        """Return some rows."""
        return await self._api.get(with_query("/v1/log/exchanges", question), LogPage)

    async def understood(self, question: LogFilterQuestion) -> FilterAnswer:
        """Return what a filter means, or where it stops making sense."""
        return await self._api.get(with_query("/v1/log/filter", question), FilterAnswer)

    async def exchange(self, id: int) -> LogExchange:  # noqa: A002 - as in the API
        """Return one exchange without its bodies."""
        return await self._api.get(f"/v1/log/exchanges/{id}", LogExchange)

    async def body(self, id: int, side: Side, start: int) -> bytes:  # noqa: A002 - as in the API
        """Return a portion of a body from the byte `start` on, empty behind its end."""
        head = {"Range": f"bytes={start}-{start + BODY_PORTION - 1}"}
        return await self._api.data(f"/v1/log/exchanges/{id}/{side}", head)

    async def curl(self, id: int) -> str:  # noqa: A002 - as in the API
        """Return one exchange as a curl command."""
        return (await self._api.data(f"/v1/log/exchanges/{id}/curl")).decode()

    async def export(self, kind: Export, question: LogExportQuestion) -> bytes:
        """Return exchanges as a file."""
        return await self._api.data(with_query(f"/v1/log/{kind}", question))

    async def statistics(self, filter: str) -> LogStatistics:  # noqa: A002 - as in the API
        """Return figures."""
        return await self._api.get(with_query("/v1/log/statistics", LogFilter(filter=filter)), LogStatistics)

    async def diagnosis(self, filter: str) -> LogDiagnosis:  # noqa: A002 - as in the API
        """Return errors and what they mean."""
        return await self._api.get(with_query("/v1/log/diagnosis", LogFilter(filter=filter)), LogDiagnosis)

    async def capture(self) -> CaptureState:
        """Return whether exchanges are captured."""
        return await self._api.get("/v1/log/capture", CaptureState)

    async def switch(self, question: CaptureQuestion) -> CaptureState:
        """Begin or end capturing."""
        return await self._api.post("/v1/log/capture", CaptureState, question)


async def happening(api: Api) -> AsyncIterator[LogEvent]:
    """Yield whether exchanges are captured, and then every event of the log. Ends with a `ClientFailure`."""
    yield LogEvent(number=0, capture=await Log(api).capture())
    async for event in api.events("", "log"):
        if event.name == "log":
            yield understood(event.data, LogEvent, event.name)
