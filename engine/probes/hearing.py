"""Listens to a PBX link that is only being tried: what it has told so far, and waiting for it to tell more."""

import asyncio

from engine.core.failures import Failure
from engine.core.users import User
from engine.pbx.events import LinkDown, LinkUp, Listening, PbxEvent, PbxTurnedAway, UserRemoved, UsersComplete, UserSeen
from engine.pbx.failures import PbxNotConnected


class Hearing:
    """Takes the link's events. `failure` is the first one; that no PBX has come yet is none."""

    def __init__(self) -> None:
        self.listening: Listening | None = None
        self.login: LinkUp | None = None
        self.users: dict[str, User] = {}
        self.complete = False
        self.failure: Failure | None = None
        self._news = asyncio.Event()

    def __call__(self, event: PbxEvent) -> None:
        """Take one event of the link."""
        match event:
            case Listening():
                self.listening = event
            case LinkUp():
                self.login = event
            case UserSeen(user):
                self.users[user.guid] = user
            case UserRemoved(guid):
                self.users.pop(guid, None)
            case UsersComplete():
                self.complete = True
            case LinkDown(failure) | PbxTurnedAway(_, failure) if not isinstance(failure, PbxNotConnected):
                self.failure = self.failure or failure
            case _:
                pass
        self._news.set()

    async def news(self) -> None:
        """Wait until something more was told."""
        self._news.clear()
        await self._news.wait()
