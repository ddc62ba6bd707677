"""All presences of a user as the PBX holds them, of every origin, and the part of a link that reads and writes them."""

from typing import Protocol

import msgspec

from engine.core.presence.model import Presence
from engine.settings.model import ClearWith

BY_HAND = "tel:"
"""The contact of a presence that the user has chosen (innovaphone SDK, PbxApi)."""


class PresenceEntry(msgspec.Struct, frozen=True):
    """The presence of a user from one source, named by its `contact`. The PBX lists the newest one first."""

    contact: str
    presence: Presence


class EntryLink(Protocol):
    """The part of a PBX link that tests and comparisons need. All methods raise a `PbxFailure`."""

    async def set_presence(
        self, guid: str, presence: Presence, *, contact: str = "", clear: ClearWith | None = None
    ) -> None:
        """Return when the PBX has confirmed `presence`, under another contact or cleared in another way than usual."""
        ...

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """Return all presences of a user, the newest first."""
        ...


def presence_of(entries: tuple[PresenceEntry, ...], contact: str) -> Presence | None:
    """Return the presence from one source, None if there is none."""
    return next((each.presence for each in entries if each.contact == contact), None)
