"""The debug log and the settings as resources of the local API."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from engine.api.client import ApiClient, decoded, quoted_segment
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
    LogPage,
    LogQuestion,
    LogStatistics,
)
from engine.api.schema.operations import Operation
from engine.api.schema.preview import Preview, PreviewQuestion
from engine.api.schema.secrets import SecretChanged, SecretOrigins, SecretQuestion
from engine.api.schema.settings import (
    ChangeQuestion,
    RollbackQuestion,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsQuestion,
    SettingsVersion,
    SettingsVersions,
    Value,
)

BODY_PORTION = 1_000_000
"""Bytes of a body that are asked for at once."""

EXCHANGES = "/v1/log/exchanges"

Export = Literal["har", "bundle"]


class LogRequests:
    """Asks about exchanges. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def page(self, question: LogQuestion) -> LogPage:
        """Return some rows."""
        return await self._api.get(EXCHANGES, LogPage, question)

    async def understood(self, question: LogFilterQuestion) -> FilterAnswer:
        """Return what a filter means, or where it stops making sense."""
        return await self._api.get("/v1/log/filter", FilterAnswer, question)

    async def exchange(self, id: int | str) -> LogExchange:  # noqa: A002 - as in the API
        """Return one exchange without its bodies."""
        return await self._api.get(_path(id), LogExchange)

    async def portion(self, id: int | str, side: BodySide, start: int) -> bytes:  # noqa: A002 - as in the API
        """Return a portion of a body from the byte `start` on, empty behind its end."""
        head = {"Range": f"bytes={start}-{start + BODY_PORTION - 1}"}
        return await self._api.read(f"{_path(id)}/{side}", head=head)

    async def body(self, id: int | str, side: BodySide, *, pretty: bool) -> bytes:  # noqa: A002 - as in the API
        """Return a whole body, indented if it is XML and that is wished."""
        return await self._api.read(f"{_path(id)}/{side}", LogBodyQuestion(pretty=pretty))

    async def curl(self, id: int | str) -> bytes:  # noqa: A002 - as in the API
        """Return one exchange as a curl command."""
        return await self._api.read(f"{_path(id)}/curl")

    async def export(self, kind: Export, question: LogExportQuestion) -> bytes:
        """Return exchanges as a file."""
        return await self._api.read(f"/v1/log/{kind}", question)

    async def statistics(self, filter: str) -> LogStatistics:  # noqa: A002 - as in the API
        """Return figures."""
        return await self._api.get("/v1/log/statistics", LogStatistics, LogFilter(filter=filter))

    async def diagnosis(self, filter: str) -> LogDiagnosis:  # noqa: A002 - as in the API
        """Return errors and what they mean."""
        return await self._api.get("/v1/log/diagnosis", LogDiagnosis, LogFilter(filter=filter))

    async def capture(self) -> CaptureState:
        """Return whether exchanges are captured."""
        return await self._api.get("/v1/log/capture", CaptureState)

    async def switch(self, question: CaptureQuestion) -> CaptureState:
        """Begin or end capturing."""
        return await self._api.post("/v1/log/capture", CaptureState, question)


async def happening(api: ApiClient) -> AsyncIterator[LogEvent]:
    """Yield whether exchanges are captured, and then every event of the log. Ends with a `ClientFailure`."""
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


PATH, SECRETS = "/v1/settings", "/v1/secrets"
LOOK = 0.2
"""Seconds between two looks at a preview that is being made."""


class SettingsRequests:
    """Asks about settings and changes them. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def all(self) -> Settings:
        """Return every setting."""
        return await self._api.get(PATH, Settings)

    async def check(self, changes: Mapping[str, Value]) -> SettingsCheck:
        """Return whether changes could be made, and what they would do."""
        return await self._api.post(f"{PATH}/check", SettingsCheck, SettingsQuestion(changes=dict(changes)))

    async def change(self, changes: Mapping[str, Value], etag: str, confirm_within: float | None) -> SettingsChanged:
        """Put changes into force if the settings are still those of `etag`."""
        question = ChangeQuestion(changes=dict(changes), confirm_within=confirm_within)
        return await self._api.patch(PATH, SettingsChanged, question, etag)

    async def keep(self) -> SettingsVersion:
        """Confirm the last change."""
        return await self._api.post(f"{PATH}/confirm", SettingsVersion)

    async def roll_back(self, version: int | None) -> SettingsChanged:
        """Go back to a version, the one before if none is given."""
        return await self._api.post(f"{PATH}/rollback", SettingsChanged, RollbackQuestion(version=version))

    async def versions(self) -> SettingsVersions:
        """Return the versions there were."""
        return await self._api.get(f"{PATH}/history", SettingsVersions)

    async def secrets(self) -> SecretOrigins:
        """Return which secrets there are."""
        return await self._api.get(SECRETS, SecretOrigins)

    async def put_secret(self, name: str, value: str) -> SecretChanged:
        """Store a secret."""
        return await self._api.put(f"{SECRETS}/{quoted_segment(name)}", SecretChanged, SecretQuestion(value=value))

    async def drop_secret(self, name: str) -> SecretChanged:
        """Remove a stored secret."""
        return await self._api.delete(f"{SECRETS}/{quoted_segment(name)}", SecretChanged)

    async def rotate_key(self) -> SecretOrigins:
        """Encrypt the stored secrets with another key."""
        return await self._api.post(f"{SECRETS}/rotate-key", SecretOrigins)

    async def preview(self, changes: Mapping[str, Value]) -> Preview:
        """Return the users whose presence would change with these presence settings, once computed."""
        operation = await self._api.post("/v1/preview", Operation, PreviewQuestion(settings=dict(changes)))
        while True:
            preview = await self._api.get(f"/v1/preview/{quoted_segment(operation.id)}", Preview)
            if preview.operation.state != "running":
                return preview
            await asyncio.sleep(LOOK)
