"""Requests about going live: who is written, what that would change, today's notes, and the presence test."""

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema.learning import Learning, LearningQuestion
from engine.api.schema.live import (
    BackQuestion,
    LivePageQuestion,
    LivePreview,
    LivePreviewQuestion,
    LiveQuestion,
    LiveState,
    NotesQuestion,
    Removal,
    TodaysNotes,
)
from engine.api.schema.operations import Operation

LIVE = f"{VERSION_1}/live"
PRESENCE_TEST = f"{VERSION_1}/presence-test"


class LiveRequests:
    """Requests about going live. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def state(self) -> LiveState:
        """Return whose presences are written."""
        return await self._api.get(LIVE, LiveState)

    async def go(self, question: LiveQuestion) -> LiveState:
        """Go live for everybody, or for pilots."""
        return await self._api.post(LIVE, LiveState, question)

    async def go_back(self, question: BackQuestion) -> LiveState:
        """Go back to what was before, or to a dry run."""
        return await self._api.post(f"{LIVE}/back", LiveState, question)

    async def removal(self) -> Removal:
        """Return what there is to remove."""
        return await self._api.get(f"{VERSION_1}/removal", Removal)

    async def remove(self) -> Removal:
        """End writing for good, and clear all presences of the engine in the PBX."""
        return await self._api.post(f"{VERSION_1}/removal", Removal)

    async def begin_preview(self, question: LivePreviewQuestion) -> Operation:
        """Start a comparison with what the PBX shows."""
        return await self._api.post(f"{LIVE}/preview", Operation, question)

    async def preview(self, id: str, question: LivePageQuestion | None = None) -> LivePreview:  # noqa: A002
        """Return a page of a comparison as far as it has come."""
        return await self._api.get(f"{LIVE}/preview/{quoted_segment(id)}", LivePreview, question)

    async def notes(self, question: NotesQuestion) -> TodaysNotes:
        """Return today's notes with other settings."""
        return await self._api.post(f"{VERSION_1}/notes", TodaysNotes, question)

    async def begin_presence_test(self, question: LearningQuestion) -> Operation:
        """Start a presence test with one user."""
        return await self._api.post(PRESENCE_TEST, Operation, question)

    async def presence_test(self, id: str) -> Learning:  # noqa: A002 - as in the API
        """Return a presence test as far as it has come."""
        return await self._api.get(f"{PRESENCE_TEST}/{quoted_segment(id)}", Learning)
