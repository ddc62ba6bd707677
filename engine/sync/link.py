"""The PBX link as the engine uses it, also where a part of it is lent."""

from typing import Protocol

from engine.core.claims import UNLIMITED, Claim
from engine.core.presence.model import Presence
from engine.pbx.entries import EntryLink, PresenceEntry
from engine.settings.model import ClearWith


class PresenceLink(Protocol):
    """The part of the PBX link that writing needs. Both methods raise a `PbxFailure`, such as `PresenceRefused`."""

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED) -> None:
        """Return when the PBX has confirmed `presence`, under another contact than usual if one is given.

        Raises `LeaseEnded` too, if the claim ended before it was sent.
        """
        ...

    async def read_presence(self, user_name: str) -> Presence:
        """Return the calendar presence that the PBX shows."""
        ...


class Link(EntryLink, PresenceLink, Protocol):
    """The PBX link as the engine uses it: it runs until cancelled and reports events."""

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        """Return when the PBX has confirmed `presence`; see `PbxLink.set_presence`."""
        ...

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        ...


class LentLink:
    """The link as it is lent for a user, under the claim to that user; implements `EntryLink`."""

    def __init__(self, link: Link, claim: Claim) -> None:
        self._link = link
        self._claim = claim

    async def set_presence(
        self, guid: str, presence: Presence, *, contact: str = "", clear: ClearWith | None = None
    ) -> None:
        """See `PbxLink.set_presence`."""
        await self._link.set_presence(guid, presence, contact=contact, clear=clear, claim=self._claim)

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """See `PbxLink.read_entries`."""
        return await self._link.read_entries(user_name)
