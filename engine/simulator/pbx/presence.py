"""The presence of each user: one entry a contact, the newest first, as colleagues see it."""

from enum import StrEnum

import msgspec

from engine.core.presence.model import CLEARED, Presence

_ONLINE = "online"


class ClearSemantics(StrEnum):
    """What becomes of an entry that is set to nothing; which of them a real PBX does is not documented."""

    REMOVES_ENTRY = "removes entry"
    LEAVES_EMPTY_ENTRY = "leaves empty entry"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one source says about a user; `status` is "open" where the PBX knows that the user is reachable."""

    contact: str
    activity: str = ""
    note: str = ""
    status: str = ""


class PresenceBoard:
    """Every user's entries, by guid."""

    def __init__(self, clears: ClearSemantics) -> None:
        self._clears = clears
        self._entries: dict[str, list[Entry]] = {}

    def entries(self, guid: str) -> tuple[Entry, ...]:
        """Return the user's entries; the first is what is displayed."""
        return tuple(self._entries.get(guid, ()))

    def put(self, guid: str, entry: Entry) -> None:
        """Make `entry` the newest; the activity "online" unsets a presence."""
        if entry.activity == _ONLINE:
            entry = Entry(entry.contact, note=entry.note, status=entry.status)
        others = [other for other in self._entries.get(guid, ()) if other.contact != entry.contact]
        empty = not (entry.activity or entry.note or entry.status)
        keep = not (empty and self._clears is ClearSemantics.REMOVES_ENTRY)
        self._entries[guid] = [entry, *others] if keep else others

    def of(self, guid: str, contact: str) -> Presence:
        """Return what one source says, `CLEARED` when nothing."""
        for entry in self.entries(guid):
            if entry.contact == contact:
                return Presence(entry.activity, entry.note)
        return CLEARED

    def forget(self, guid: str) -> None:
        """The user is gone."""
        self._entries.pop(guid, None)
