"""Keeps the model up to date: attaches to the engine, applies its events, and reconnects after interruptions."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec

from calendar_tui.model import Model
from engine.api.client import ApiClient, decoded
from engine.api.errors import AnswerNotUnderstood, ClientFailure
from engine.api.event_parser import ServerEvent
from engine.api.resources.engine import EngineRequests
from engine.api.schema import (
    AuditEvent,
    ChangeEvent,
    OperationEvent,
    Snapshot,
    StatusEvent,
    UsersEvent,
)
from engine.api.schema.setup import SetupEvent
from engine.core.backoff import Backoff, doubling


class VersionsDiffer(AnswerNotUnderstood):
    """The engine has another version of the API."""

    meaning = "Engine and calendar-tui have incompatible versions"
    remedy = "Install the same version of calendar-tui and the engine, and restart the older one."


API_VERSION = 1
PAUSES = doubling(timedelta(seconds=0.5), timedelta(seconds=15))
"""Pauses before the engine is contacted again."""

KINDS: dict[str, type[msgspec.Struct]] = {
    "snapshot": Snapshot,
    "status": StatusEvent,
    "users": UsersEvent,
    "operations": OperationEvent,
    "changes": ChangeEvent,
    "audit": AuditEvent,
    "setup": SetupEvent,
}
"""The data type of each event by its name; unknown names, from a newer engine, are ignored."""


class EngineSession:
    """Updates `model`, and calls `changed` whenever it changes.

    `find` returns the socket or raises a `ClientFailure`; with `read_only` nothing may be changed, even if the socket
    allows it.
    """

    def __init__(
        self,
        model: Model,
        find: Callable[[], Path],
        changed: Callable[[], None],
        *,
        read_only: bool = False,
        random: Random | None = None,
    ) -> None:
        self.api: ApiClient | None = None
        self._model = model
        self._find = find
        self._changed = changed
        self._read_only = read_only
        self._backoff = Backoff(random or Random())  # noqa: S311 - jitter, not a secret
        self._last_event_id = ""

    async def run(self) -> None:
        """Stay attached until cancelled."""
        while True:
            try:
                await self._attend()
            except ClientFailure as failure:
                pause = self._backoff.next(PAUSES)
                self._model.lose(failure, pause)
                self._changed()
                await asyncio.sleep(pause.total_seconds())

    async def _attend(self) -> None:
        """Apply the events until the stream ends. Raises a `ClientFailure`."""
        api = ApiClient(self._find())
        about = await EngineRequests(api).about()
        if about.api != API_VERSION:
            raise VersionsDiffer(f"the engine {about.version} speaks version {about.api} of its API, not {API_VERSION}")
        self.api = api
        self._model.about = about
        self._model.may_change = about.rights.change and not self._read_only
        async for event in api.events(last_event_id=self._last_event_id):
            self._take(event, api.socket)
            if event.name == "snapshot" and "changes" in about.capabilities:
                self._model.recall(await EngineRequests(api).changes())
                self._changed()

    def _take(self, event: ServerEvent, socket: Path) -> None:
        kind = KINDS.get(event.name)
        if kind is not None:
            self._model.take(decoded(event.data, kind, event.name))
        self._last_event_id = event.id
        self._model.attach(socket)
        self._backoff.reset()
        self._changed()
