"""Requests about the engine, its users and its operations."""

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
from engine.api.schema.backup import BackupQuestion
from engine.api.schema.days import DaysPage, DaysQuestion

UsersOperation = Literal["resync", "reresolve"]


class EngineRequests:
    """Requests about the engine, its users and its operations. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def about(self) -> About:
        """Return the version of the engine and the rights of the caller."""
        return await self._api.get(VERSION_1, About)

    async def status(self) -> Status:
        """Return the status."""
        return await self._api.get(f"{VERSION_1}/status", Status)

    async def changes(self) -> RecentChanges:
        """Return the latest changes."""
        return await self._api.get(f"{VERSION_1}/changes", RecentChanges)

    async def users(self, question: UsersQuestion) -> UsersPage:
        """Return a page of users."""
        return await self._api.get(f"{VERSION_1}/users", UsersPage, question)

    async def user(self, guid: str) -> UserDetail:
        """Return everything about one user."""
        return await self._api.get(f"{VERSION_1}/users/{quoted_segment(guid)}", UserDetail)

    async def days(self, question: DaysQuestion) -> DaysPage:
        """Return a page of days as bars."""
        return await self._api.get(f"{VERSION_1}/days", DaysPage, question)

    async def backup(self, passphrase: str) -> bytes:
        """Return a backup of the engine, encrypted under a passphrase."""
        return await self._api.send(f"{VERSION_1}/backup", BackupQuestion(passphrase=passphrase))

    async def confirm_hold(self) -> HeldChange:
        """Confirm the held change."""
        return await self._api.post(f"{VERSION_1}/hold/confirm", HeldChange)

    async def begin(self, kind: UsersOperation, question: ResyncQuestion) -> Operation:
        """Start an operation for some users, or for all."""
        return await self._api.post(f"{VERSION_1}/{kind}", Operation, question)

    async def begin_for(self, kind: UsersOperation, guid: str) -> Operation:
        """Start an operation for one user."""
        return await self._api.post(f"{VERSION_1}/users/{quoted_segment(guid)}/{kind}", Operation)

    async def operation(self, id: str) -> Operation:  # noqa: A002 - as in the API
        """Return the present state of an operation."""
        return await self._api.get(_operation(id), Operation)

    async def cancel(self, id: str) -> Operation:  # noqa: A002 - as in the API
        """Cancel an operation."""
        return await self._api.delete(_operation(id), Operation)


def _operation(id: str) -> str:  # noqa: A002 - as in the API
    return f"{VERSION_1}/operations/{quoted_segment(id)}"
