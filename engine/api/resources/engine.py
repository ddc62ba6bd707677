"""The engine, its users and its operations."""

from typing import Literal

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.schema import (
    About,
    HeldChange,
    Operation,
    RecentChanges,
    ResyncQuestion,
    Status,
    UserDetail,
    UsersPage,
    UsersQuestion,
)

UsersOperation = Literal["resync", "reresolve"]


class EngineRequests:
    """Asks about the engine, its users and its operations. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def about(self) -> About:
        """Return the version of the engine and the rights of the caller."""
        return await self._api.get(VERSION_1, About)

    async def status(self) -> Status:
        """Return the status."""
        return await self._api.get(f"{VERSION_1}/status", Status)

    async def changes(self) -> RecentChanges:
        """Return what happened last."""
        return await self._api.get(f"{VERSION_1}/changes", RecentChanges)

    async def users(self, question: UsersQuestion) -> UsersPage:
        """Return a page of users."""
        return await self._api.get(f"{VERSION_1}/users", UsersPage, question)

    async def user(self, guid: str) -> UserDetail:
        """Return everything about one user."""
        return await self._api.get(f"{VERSION_1}/users/{quoted_segment(guid)}", UserDetail)

    async def confirm_hold(self) -> HeldChange:
        """Confirm the change that is held."""
        return await self._api.post(f"{VERSION_1}/hold/confirm", HeldChange)

    async def begin(self, kind: UsersOperation, question: ResyncQuestion) -> Operation:
        """Begin an operation on some users, or on all."""
        return await self._api.post(f"{VERSION_1}/{kind}", Operation, question)

    async def begin_for(self, kind: UsersOperation, guid: str) -> Operation:
        """Begin an operation on one user."""
        return await self._api.post(f"{VERSION_1}/users/{quoted_segment(guid)}/{kind}", Operation)

    async def operation(self, id: str) -> Operation:  # noqa: A002 - as in the API
        """Return how far an operation is."""
        return await self._api.get(_operation(id), Operation)

    async def cancel(self, id: str) -> Operation:  # noqa: A002 - as in the API
        """Cancel an operation."""
        return await self._api.delete(_operation(id), Operation)


def _operation(id: str) -> str:  # noqa: A002 - as in the API
    return f"{VERSION_1}/operations/{quoted_segment(id)}"
