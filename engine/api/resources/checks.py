"""Requests about checks of connections, and previews of settings."""

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema.access import Access, AccessPageQuestion, AccessQuestion
from engine.api.schema.checks import CheckSide, Probe, ProbeQuestion
from engine.api.schema.operations import Operation
from engine.api.schema.preview import Preview, PreviewPageQuestion, PreviewQuestion


class CheckRequests:
    """Requests about checks and previews. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def begin_probe(self, side: CheckSide, question: ProbeQuestion) -> Operation:
        """Start a check of a connection."""
        return await self._api.post(f"{VERSION_1}/probes/{side}", Operation, question)

    async def probe(self, id: str) -> Probe:  # noqa: A002 - as in the API
        """Return the present state of a check."""
        return await self._api.get(f"{VERSION_1}/probes/{quoted_segment(id)}", Probe)

    async def begin_access(self, question: AccessQuestion) -> Operation:
        """Start a check of everybody's access."""
        return await self._api.post(f"{VERSION_1}/access", Operation, question)

    async def access(self, id: str, question: AccessPageQuestion | None = None) -> Access:  # noqa: A002
        """Return the present state of a check of everybody's access."""
        return await self._api.get(f"{VERSION_1}/access/{quoted_segment(id)}", Access, question)

    async def begin_preview(self, question: PreviewQuestion) -> Operation:
        """Start a preview."""
        return await self._api.post(f"{VERSION_1}/preview", Operation, question)

    async def preview(self, id: str, question: PreviewPageQuestion | None = None) -> Preview:  # noqa: A002
        """Return the present state of a preview."""
        return await self._api.get(f"{VERSION_1}/preview/{quoted_segment(id)}", Preview, question)
