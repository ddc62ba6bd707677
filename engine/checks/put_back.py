"""Puts a user's presences back as they were before a presence test, also after the engine was killed during one."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import Path

import msgspec

from engine.core import bounded
from engine.core.errors import Failure, Fault, Scope
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.entries import BY_HAND, EntryLink, PresenceEntry, presence_of
from engine.pbx.errors import PresenceRefused
from engine.settings.model import ClearWith
from engine.store.replacing import replace_file

TEST_PRESENCE = Presence("busy", "calendar test")
"""The presence that a test writes, under the contact of the settings."""


class ClearEffect(StrEnum):
    """What a way of clearing does to a presence: it goes, stays as it was, or stays without content."""

    GOES = "goes"
    STAYS = "stays"
    STAYS_EMPTY = "stays empty"


class PresenceTestNotSaved(Failure):
    """What a presence test changes cannot be saved, so that nothing would put it back after a crash."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The presence test cannot be saved, so it was not begun"
    remedy = "Give the engine's account write access to engine.state_dir, and free disk space if needed."


class PresencesNotPutBack(Failure):
    """The presences of the user of a presence test are not as they were before it."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The presences of the user of the presence test are not as they were"
    remedy = (
        "The engine tries again as soon as it is connected to the PBX, and calendar-engine probe pbx --learn USER does "
        "so at once. If it stays, correct the presence of that user in the PBX."
    )


class PresencesBefore(msgspec.Struct, frozen=True, kw_only=True):
    """All presences of a user before a test, the newest first. The test writes to `contact` in the PBX `pbx`."""

    user: User
    pbx: str
    contact: str
    begun: datetime
    entries: tuple[PresenceEntry, ...]

    @property
    def ours(self) -> Presence | None:
        """The presence under the contact of the test, None if there was none."""
        return presence_of(self.entries, self.contact)

    @property
    def can_be_put_back(self) -> bool:
        """Whether their order can be put back: whatever is written becomes the newest.

        What the PBX itself writes must not be above our presence, nor an empty one of the user, which cannot be
        written without removing it.
        """
        above = self._above()
        return self.ours is None or all(each.contact == BY_HAND and each.presence != CLEARED for each in above)

    @property
    def is_by_hand_first(self) -> bool:
        """Whether the user's own choice was above our presence, or the first where we had none."""
        above = self._above() if self.ours is not None else self.entries[:1]
        return self.contact != BY_HAND and any(each.contact == BY_HAND for each in above)

    def _above(self) -> tuple[PresenceEntry, ...]:
        return tuple(takewhile(lambda each: each.contact != self.contact, self.entries))


class UnfinishedTest:
    """The presences before a test that is not over, in the file at `path`: it survives the end of the engine.

    `is_under_way` while a test is running, which then puts back by itself.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self.is_under_way = False

    @property
    def before(self) -> PresencesBefore | None:
        """The presences to put back, None if there is nothing to do."""
        return self._before

    async def begin(self, before: PresencesBefore) -> None:
        """Remember what to put back; it is on the disk when this returns. Raises `PresenceTestNotSaved`."""
        try:
            await asyncio.to_thread(replace_file, self._path, msgspec.json.encode(before))
        except OSError as error:
            raise PresenceTestNotSaved(f"{self._path}: {error.strerror}") from error
        self._before = before

    async def end(self) -> None:
        """Note that everything is as before."""
        self._before = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def concern(self) -> Failure | None:
        """Return what is still to be put back, as a problem of the engine."""
        if self._before is None or self.is_under_way:
            return None
        return PresencesNotPutBack(f"{self._before.user.label}, since {self._before.begun:%Y-%m-%d %H:%M:%S} UTC")


async def put_back(link: EntryLink, before: PresencesBefore, known: Mapping[ClearWith, ClearEffect]) -> tuple[str, ...]:
    """Make the presences of a user what they were; return what differs without being visible.

    `known` effects of clearing save attempts. What the user has chosen meanwhile stays. Raises `PresencesNotPutBack`,
    or a `PbxFailure`.
    """
    restoration = _Restoration(link, before)
    if before.ours is not None and before.ours != CLEARED:
        await restoration.write(before.ours)
    elif await restoration.ours() != before.ours:
        await restoration.clear(known)
    await restoration.put_own_choice_first()
    return await restoration.differences()


class _Restoration:
    def __init__(self, link: EntryLink, before: PresencesBefore) -> None:
        self._link = link
        self._before = before
        self._contact = before.contact

    async def entries(self) -> tuple[PresenceEntry, ...]:
        return await self._link.read_entries(self._before.user.name)

    async def ours(self) -> Presence | None:
        return presence_of(await self.entries(), self._contact)

    async def write(self, presence: Presence, clear: ClearWith | None = None, contact: str = "") -> None:
        guid = self._before.user.guid
        await self._link.set_presence(guid, presence, contact=contact or self._contact, clear=clear)

    async def clear(self, known: Mapping[ClearWith, ClearEffect]) -> None:
        """Try the ways of clearing, those first that are known to have the effect, until our presence is as before."""
        wanted = self._before.ours
        wished = ClearEffect.GOES if wanted is None else ClearEffect.STAYS_EMPTY
        invisible: ClearWith | None = None
        for way in sorted(ClearWith, key=lambda each: known.get(each) is not wished):
            if wanted is not None and await self.ours() is None:
                await self.write(TEST_PRESENCE)
            found = await self._cleared(way)
            if found == wanted:
                return
            if found in (None, CLEARED):
                invisible = way
        if invisible is not None and await self.ours() not in (None, CLEARED):
            await self.write(CLEARED, invisible)

    async def _cleared(self, way: ClearWith) -> Presence | None:
        with suppress(PresenceRefused):
            await self.write(CLEARED, way)
        return await self.ours()

    async def put_own_choice_first(self) -> None:
        """Make the user's own choice the newest again, if it was, or if the user has chosen meanwhile."""
        before, now = self._before, await self.entries()
        chosen = presence_of(now, BY_HAND)
        is_new = chosen != presence_of(before.entries, BY_HAND)
        contacts = [each.contact for each in now]
        if chosen is None or chosen == CLEARED or self._contact == BY_HAND or self._contact not in contacts:
            return
        is_behind = contacts.index(self._contact) < contacts.index(BY_HAND)
        if is_behind and (before.is_by_hand_first or is_new):
            await self.write(chosen, contact=BY_HAND)

    async def differences(self) -> tuple[str, ...]:
        found, wanted = await self.ours(), self._before.ours
        if found == wanted:
            return ()
        if (found or CLEARED) != (wanted or CLEARED):
            raise PresencesNotPutBack(f"{self._before.user.label}: {self._contact} is not what it was")
        if wanted is None:
            return (f"an empty presence {self._contact} stays, because this PBX removes none",)
        return (f"an empty presence {self._contact} is gone, because this PBX removes it",)


def _read(path: Path) -> PresencesBefore | None:
    try:
        return bounded.json(path.read_bytes(), PresencesBefore)
    except (OSError, bounded.NotReadable):
        return None
