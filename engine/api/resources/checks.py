"""Checks of connections, and comparisons of settings."""

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema.checks import CheckSide, Probe, ProbeQuestion
from engine.api.schema.operations import Operation
from engine.api.schema.preview import Preview, PreviewPageQuestion, PreviewQuestion


class CheckRequests:
    """Has connections and settings tried. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def begin_probe(self, side: CheckSide, question: ProbeQuestion) -> Operation:
        """Begin to check a connection."""
        return await self._api.post(f"{VERSION_1}/probes/{side}", Operation, question)

    async def probe(self, id: str) -> Probe:  # noqa: A002 - as in the API
        """Return a check as far as it is."""
        return await self._api.get(f"{VERSION_1}/probes/{quoted_segment(id)}", Probe)

    async def begin_preview(self, question: PreviewQuestion) -> Operation:
        """Begin to compare presences."""
        return await self._api.post(f"{VERSION_1}/preview", Operation, question)

    async def preview(self, id: str, question: PreviewPageQuestion | None = None) -> Preview:  # noqa: A002
        """Return a comparison as far as it is."""
        return await self._api.get(f"{VERSION_1}/preview/{quoted_segment(id)}", Preview, question)
