"""The set-up of the engine as its screen uses it: what is typed is sent soon, and what others do is seen."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from calendar_tui.documents.setup_page import MADE_HERE
from engine.api.client import ApiClient
from engine.api.errors import ClientFailure, EngineUnreachable
from engine.api.resources.cloud import CloudRequests
from engine.api.resources.live import LiveRequests
from engine.api.resources.settings import LogInRequests
from engine.api.resources.setup import SetupRequests
from engine.api.schema.access import AccessPageQuestion, AccessUser
from engine.api.schema.learning import Learning
from engine.api.schema.live import LivePageQuestion, LivePreview, TodaysNotes
from engine.api.schema.setup import (
    FlowName,
    Setup,
    SetupAnswers,
    SetupAnswersFile,
    SetupApplied,
    SetupBeginning,
    SetupCheckQuestion,
    SetupNotesQuestion,
    SetupOption,
    SetupOptionsQuestion,
)
from engine.api.schema.setup_users import SetupSelection, SetupUser, SetupUsersQuestion

T = TypeVar("T")

OFFERED = 5
"""Options shown below a field that searches."""

MOST_USERS = 1000
"""Users in one answer."""


class SetupClient:
    """Sends answers and keeps the newest state in `setup`; `failed` is called with what went wrong.

    `texts` are what was typed and is not known to the engine yet, `secrets` likewise; a secret is sent on Enter alone.
    `own_password` is the one that was made here for the App object: the engine does not tell it again.
    """

    def __init__(
        self,
        api: Callable[[], ApiClient | None],
        failed: Callable[[ClientFailure], None],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._api = api
        self._failed = failed
        self._where = address_of(environment)
        self.setup: Setup | None = None
        self.texts: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.own_password = ""

    async def open(self, flow: FlowName, *, over: bool = False) -> bool:
        """Go on with the set-up under way, or begin one; return whether there is one now."""
        requests = self._requests()
        if requests is None:
            return False
        found = None if over else await self._tried(requests.under_way())
        if found is None:
            found = await self._tried(requests.begin(SetupBeginning(flow=flow, over=over, where=self._where)))
        return self._take(found)

    async def refresh(self) -> bool:
        """Ask for the newest state; return whether a set-up is under way, as far as is known: a lost connection is no
        end of it."""
        requests = self._requests()
        if requests is not None:
            try:
                self.setup = await requests.under_way()
            except ClientFailure as failure:
                self._failed(failure)
        return self.setup is not None

    async def take_over(self) -> None:
        """Go on in place of the person who is at it."""
        await self._do(lambda requests: requests.take_over(SetupBeginning(where=self._where)))

    async def select(self, selection: SetupSelection) -> bool:
        """Send what was typed, and then who takes part; return whether the engine has it."""
        answers = SetupAnswers(selection=selection, where=self._where)
        return await self.send() and await self._do(lambda requests: requests.answer(answers))

    async def send(self, *, go: str | None = None, fix: str | None = None, secrets: bool = False) -> bool:
        """Send what was typed, make a fix, and go to a page; return whether the engine has it."""
        if not self.texts and not (secrets and self.secrets) and go is None and fix is None:
            return True
        texts = dict(self.texts)
        hidden = {name: typed for name, typed in self.secrets.items() if typed} if secrets else {}
        answers = SetupAnswers(texts=texts, secrets=hidden, fix=fix, go=go, where=self._where)
        if not await self._do(lambda requests: requests.answer(answers)):
            return False
        if hidden.get(MADE_HERE, self.own_password) != self.own_password:
            self.own_password = ""  # another one was typed instead
        for sent, kept in ((texts, self.texts), (hidden, self.secrets)):
            for key, value in sent.items():
                if kept.get(key) == value:
                    del kept[key]
        return True

    async def check(self, *, log_in: bool, watch: bool = False, only_failed: bool = False) -> bool:
        """Send what was typed, and start the check of the page, with `only_failed` of the users without success."""
        if not await self.send(secrets=log_in):
            return False
        question = SetupCheckQuestion(log_in=log_in, watch=watch, only_failed=only_failed)
        requests = self._requests()
        begun = await self._tried(requests.check(question), tells=log_in) if requests is not None else None
        return begun is not None and await self.refresh()

    async def retry_log_in(self) -> None:
        """Allow one more log-in in spite of a pause."""
        api = self._api()
        if api is not None:
            await self._tried(LogInRequests(api).retry())

    async def make_certificate(self) -> None:
        """Have the engine make a certificate for the application in Entra."""
        api = self._api()
        if api is not None and await self._tried(CloudRequests(api).make()) is not None:
            await self.refresh()

    async def stop(self) -> None:
        """Stop the check that is running, or watching."""
        await self._do(lambda requests: requests.stop_check())

    async def options(self, key: str, search: str) -> tuple[SetupOption, ...]:
        """Return the possible answers to a field that fit what was typed."""
        requests = self._requests()
        if requests is None:
            return ()
        question = SetupOptionsQuestion(key=key, search=search, limit=OFFERED)
        found = await self._tried(requests.options(question))
        return found.options if found is not None else ()

    async def users(self, *, taken: bool) -> tuple[SetupUser, ...] | None:
        """Return the users that take part, or those that are left out, as many as one answer holds; None if the engine
        does not answer."""
        requests = self._requests()
        question = SetupUsersQuestion(taken=taken, per_page=MOST_USERS)
        found = await self._tried(requests.users(question)) if requests is not None else None
        return found.users if found is not None else None

    async def tried(self) -> tuple[AccessUser, ...] | None:
        """Return everybody whose calendar was tried, None if the engine does not answer."""
        found: list[AccessUser] = []
        while (requests := self._requests()) is not None:
            question = AccessPageQuestion(page=len(found) // MOST_USERS + 1, per_page=MOST_USERS)
            page = await self._tried(requests.access(question))
            if page is None:
                return None
            found += page.users
            if len(page.users) < MOST_USERS:
                return tuple(found)
        return None

    async def notes(self, most: int) -> TodaysNotes | None:
        """Return today's notes with the answers as they are, for so many users."""
        requests = self._requests()
        return await self._tried(requests.notes(SetupNotesQuestion(most=most))) if requests is not None else None

    async def presence_test(self, id: str) -> Learning | None:  # noqa: A002 - as in the API
        """Return a presence test as far as it has come."""
        api = self._api()
        return await self._tried(LiveRequests(api).presence_test(id)) if api is not None else None

    async def comparison(self, id: str, question: LivePageQuestion) -> LivePreview | None:  # noqa: A002
        """Return what would change, as far as it is known."""
        api = self._api()
        return await self._tried(LiveRequests(api).preview(id, question)) if api is not None else None

    async def answers_file(self) -> SetupAnswersFile | None:
        """Return the answers as a file without secrets."""
        requests = self._requests()
        return await self._tried(requests.answers_file()) if requests is not None else None

    async def apply(self) -> SetupApplied | None:
        """Send what was typed and apply everything; return what was applied."""
        requests = self._requests()
        if requests is None or not await self.send(secrets=True):
            return None
        return await self._tried(requests.apply())

    async def _do(self, ask: Callable[[SetupRequests], Awaitable[Setup]]) -> bool:
        requests = self._requests()
        return requests is not None and self._take(await self._tried(ask(requests)))

    async def _tried(self, asked: Awaitable[T], *, tells: bool = True) -> T | None:
        try:
            return await asked
        except ClientFailure as failure:
            if tells:
                self._failed(failure)
            return None

    def _take(self, found: Setup | None) -> bool:
        if found is None:
            return False
        self.setup = found
        return True

    def _requests(self) -> SetupRequests | None:
        api = self._api()
        if api is None:
            self._failed(EngineUnreachable("nothing can be changed"))
            return None
        return SetupRequests(api)


def address_of(environment: Mapping[str, str]) -> str:
    """Return the address that somebody has logged in from with ssh, "" at the machine itself."""
    return environment.get("SSH_CONNECTION", "").partition(" ")[0][:100]
