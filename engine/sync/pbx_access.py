"""Access to the PBX beside the reconciler: for presence tests, comparisons, and clearing what is left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.core.users import User
from engine.pbx.entries import EntryLink, PresenceEntry
from engine.pbx.errors import PbxUnreachable
from engine.sync.link import LentLink, Link
from engine.sync.participants import Membership
from engine.sync.writer import Writer


class PbxAccess:
    """Uses the `link` of a running engine, whose `directory` knows the users of the PBX."""

    def __init__(self, link: Link, writer: Writer, directory: Membership) -> None:
        self._link = link
        self._writer = writer
        self._directory = directory

    @property
    def domain(self) -> str:
        """The system name of the PBX."""
        return self._directory.domain

    def users(self) -> tuple[User, ...]:
        """Return all known users of the PBX, taking part or not."""
        return tuple(self._directory.everybody())

    def user(self, typed: str) -> User | None:
        """Return the user with this guid or name, None if there is none."""
        wanted = typed.casefold()
        return next((user for user in self.users() if wanted in (user.guid.casefold(), user.name.casefold())), None)

    def hold_back(self, guid: str) -> None:
        """Write nothing for a user, from now until the link was lent for that user."""
        self._writer.hold_back(guid)

    @asynccontextmanager
    async def lent_link(self, guid: str) -> AsyncIterator[EntryLink]:
        """Context manager that lends the link for a user, who is not written meanwhile.

        Raises `LeaseEnded` for a user of another engine, or a `StoreFailure` where users are shared.
        """
        self._writer.hold_back(guid)
        try:
            await self._writer.quiet(guid)
            yield LentLink(self._link, await self._writer.lend(guid))
        finally:
            self._writer.release(guid)

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """Return all presences of a user, the newest first. Raises a `PbxFailure`."""
        return await self._link.read_entries(user_name)

    def left(self) -> tuple[str, ...]:
        """Return the users who are not written any more and still show what was written earlier."""
        return self._writer.withheld.left()

    async def take_out(self, guid: str) -> None:
        """Clear what is left of a user. Raises a `PbxFailure`, or `LeaseEnded`."""
        user = self.user(guid)
        if user is not None:
            await self._writer.take_out(user)
        elif self._writer.knows_everybody:
            self._writer.user_is_gone(guid)
        else:
            raise PbxUnreachable("the users of the PBX are not known yet")
