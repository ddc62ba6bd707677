"""The details of one user after the other, for the view of a user and for the pane beside a list."""

import asyncio
from functools import partial

from calendar_tui.screens.view import View
from engine.api.errors import ClientFailure, RequestRefused
from engine.api.resources.engine import EngineRequests
from engine.api.schema import UserDetail, UserRow


class UserDetails:
    """What the engine tells about the user that `view` shows; requested again when the user's row changes."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._guid = ""
        self._row: UserRow | None = None
        self._known: UserDetail | None = None
        self._answered = asyncio.Event()
        self.failure = ""

    async def answered(self) -> None:
        """Return when the request is answered."""
        await self._answered.wait()

    def of(self, guid: str) -> UserDetail | None:
        """Return the details of a user, None until they are there."""
        row = self._view.model.users.rows.get(guid)
        if guid != self._guid or row is not self._row:
            self._guid, self._row = guid, row
            self.request()
        return self._known if self._known is not None and self._known.guid == guid else None

    def request(self) -> None:
        """Request the details of the user shown last."""
        if self._guid:
            self._answered.clear()
            self._view.run(partial(self._load, self._guid), "details")

    async def _load(self, guid: str) -> None:
        api = self._view.shell.session.api
        if api is None:
            return
        try:
            self._known, self.failure = await EngineRequests(api).user(guid), ""
        except ClientFailure as failure:
            self.failure = f"{failure}. {failure.remedy}"
            if isinstance(failure, RequestRefused):
                self._known = None
        self._answered.set()
        self._view.show()
