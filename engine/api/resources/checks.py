"""Requests about checks of connections, previews of settings, and the set-up, which consists of checks."""

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema.checks import CheckSide, Probe, ProbeQuestion
from engine.api.schema.operations import Operation
from engine.api.schema.preview import Preview, PreviewPageQuestion, PreviewQuestion
from engine.api.schema.setup import Setup, SetupAnswers


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

    async def begin_preview(self, question: PreviewQuestion) -> Operation:
        """Start a preview."""
        return await self._api.post(f"{VERSION_1}/preview", Operation, question)

    async def preview(self, id: str, question: PreviewPageQuestion | None = None) -> Preview:  # noqa: A002
        """Return the present state of a preview."""
        return await self._api.get(f"{VERSION_1}/preview/{quoted_segment(id)}", Preview, question)


SETUP = f"{VERSION_1}/setup"


class SetupRequests:
    """Requests about the guided set-up. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def under_way(self) -> Setup | None:
        """Return the set-up in progress, None if there is none."""
        return await self._api.find(SETUP, Setup)

    async def begin(self) -> Setup:
        """Start a new set-up."""
        return await self._api.post(SETUP, Setup)

    async def state(self) -> Setup:
        """Return the set-up in progress."""
        return await self._api.get(SETUP, Setup)

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Send answers, and go to a step."""
        return await self._api.patch(SETUP, Setup, answers)

    async def check(self) -> Operation:
        """Start a check of the current step."""
        return await self._api.post(f"{SETUP}/check", Operation)

    async def apply(self) -> Setup:
        """Apply the set-up; return what was applied."""
        return await self._api.post(f"{SETUP}/apply", Setup)
