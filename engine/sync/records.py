"""What the PBX shows for each user, as far as this engine knows: in memory, and stored before anything is sent."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec.structs import replace

from engine.core.claims import Claim, LeaseEnded
from engine.core.presence.model import Presence
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceRecord, PresenceStore, PresenceTarget
from engine.sync.share import Share


class PresenceRecords:
    """The records of the users that this engine works for; `by_guid` shows them.

    Records of a shard that was taken are `unverified`: they are what other engines stored, whose last writes nobody
    vouches for. Such a user is asked about before a presence is sent, and read back even if none is.
    """

    def __init__(self, store: PresenceStore, target: PresenceTarget, share: Share) -> None:
        self._store = store
        self._target = target
        self._share = share
        self._known: dict[str, PresenceRecord] = {}
        self._leftovers: dict[str, tuple[str, ...]] = {}
        self._unverified = set[str]()
        self._suspects = set[str]()
        self._notes_cut_at: int | None = None
        self.by_guid: Mapping[str, PresenceRecord] = MappingProxyType(self._known)

    async def load(self) -> None:
        """Load what earlier runs wrote, except for shards: those are loaded when they are taken."""
        await self._store.set_target(self._target)
        self._known.clear()
        if self._share.is_everybody:
            self._known.update(await self._store.load())
            self._leftovers = await self._store.stale_contacts()

    async def load_shard(self, claim: Claim) -> dict[str, PresenceRecord]:
        """Load the records of a shard that was taken, and return them. Raises `LeaseEnded`, or a `StoreFailure`."""
        loaded, stale = await self._share.load(claim), await self._store.stale_contacts()
        for guid in self._share.of_shards(tuple(self._known), (claim.shard,)):
            self.unload(guid)
        self._known.update(loaded)
        self._unverified.update(loaded)
        self._leftovers.update({guid: stale[guid] for guid in loaded if guid in stale})
        return loaded

    def unload(self, guid: str) -> None:
        """Forget a user; what is stored stays."""
        self._known.pop(guid, None)
        self._leftovers.pop(guid, None)
        self._unverified.discard(guid)

    def of(self, guid: str) -> PresenceRecord | None:
        """Return the record of a user, None if nothing was ever written."""
        return self._known.get(guid)

    def is_unverified(self, guid: str) -> bool:
        """Return whether the record is another engine's, and the PBX was not asked since."""
        return guid in self._unverified

    def verified(self, guid: str) -> None:
        """Note that the PBX was asked about this user."""
        self._unverified.discard(guid)

    def doubt(self, guid: str) -> None:
        """Note that what the PBX shows is not known any more."""
        known = self._known.get(guid)
        if known is not None:
            self._known[guid] = PresenceRecord(expires=known.ends)

    def agrees(self, shown: Presence, ours: Presence | None) -> bool:
        """Return whether `shown` is `ours`, apart from a note that the PBX cuts."""
        is_cut = ours is not None and len(shown.note) == self._notes_cut_at and _is_cut(shown, ours)
        return shown == ours or is_cut

    def compare(self, shown: Presence, ours: Presence) -> bool:
        """Return whether `shown` is `ours`, and learn from it at which length the PBX cuts notes."""
        if shown != ours and shown.note and _is_cut(shown, ours):
            self._notes_cut_at = len(shown.note)
        return self.agrees(shown, ours)

    async def intend(
        self, guid: str, known: PresenceRecord, presence: Presence, expires: datetime | None, claim: Claim
    ) -> None:
        """Store that `presence` is about to be sent to a PBX that shows `known`.

        If that raises, nothing may be sent, and what is known stays as it was.
        """
        _see_that_it_holds(claim)
        self._known[guid] = replace(known, intended=presence, intended_expires=expires)
        try:
            await self._store.intend(guid, presence, expires, claim)
        except (LeaseEnded, StoreFailure):
            self._known[guid] = known
            raise

    async def withdraw(self, guid: str, known: PresenceRecord, claim: Claim) -> None:
        """Store that what was sent last was refused."""
        _see_that_it_holds(claim)
        self._known[guid] = known
        await self._store.withdraw(guid, claim)

    async def acknowledge(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim) -> None:
        """Store that the PBX shows `presence`."""
        _see_that_it_holds(claim)
        self._known[guid] = PresenceRecord(presence, expires)
        self._unverified.discard(guid)
        await self._store.acknowledge(guid, presence, expires, claim)

    async def forget(self, guid: str, claim: Claim) -> None:
        """Delete the record of a user."""
        _see_that_it_holds(claim)
        self.unload(guid)
        await self._store.forget(guid, claim)

    def leftovers(self, guid: str) -> tuple[str, ...]:
        """Return the other contacts under which this user still shows presences of ours."""
        return self._leftovers.get(guid, ())

    async def clean(self, guid: str, claim: Claim) -> None:
        """Store that nothing is left under other contacts."""
        _see_that_it_holds(claim)
        await self._store.mark_cleaned(guid, claim)
        del self._leftovers[guid]

    async def not_stored(self, claim: Claim) -> list[str]:
        """Return the users of a shard of whom other things are stored than are known. Raises `LeaseEnded`, or a
        `StoreFailure`."""
        stored = await self._share.load(claim)
        own = self._share.of_shards(tuple(self._known), (claim.shard,))
        return [guid for guid in own if guid in self._known and stored.get(guid) != self._known[guid]]

    async def store_again(self, guid: str, claim: Claim) -> None:
        """Store what is known of a user. Raises `LeaseEnded`."""
        _see_that_it_holds(claim)
        known = self._known.get(guid)
        if known is None:
            return
        if known.acknowledged is not None:
            await self._store.acknowledge(guid, known.acknowledged, known.expires, claim)
        if known.intended is not None:
            await self._store.intend(guid, known.intended, known.intended_expires, claim)

    def suspect(self, guid: str) -> None:
        """Note that something was sent for a user when the claim was over."""
        self._suspects.add(guid)

    async def tell_suspects(self) -> None:
        """Store who is suspect, for the engine that owns the user by now. Raises a `StoreFailure`."""
        for guid in tuple(self._suspects):
            await self._share.suspect(guid)
            self._suspects.discard(guid)


def _see_that_it_holds(claim: Claim) -> None:
    """Raise `LeaseEnded` once a claim is over: what the PBX says then is for the next owner to find out."""
    if not claim.holds():
        raise LeaseEnded("nothing was stored")


def _is_cut(shown: Presence, ours: Presence) -> bool:
    """Return whether `shown` is `ours` with a cut note."""
    return shown.activity == ours.activity and shown.note != "" and ours.note.startswith(shown.note)
