"""The users that an engine works for: everybody, or its share of users whom several engines have in common."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from engine.core.claims import ALWAYS, Claim, Ownership
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.store.presence import PresenceRecord, PresenceStore
from engine.sync.halts import Halts

MOST_SIGHTINGS = 1000
"""More are not waited for: some are enough to find out."""


class ShardOwnership(Ownership, Protocol):
    """What an engine knows of the shards that are its own."""

    def shard_of(self, guid: str) -> int:
        """Return the shard that a user belongs to; any number as long as it is not known how many shards there are."""
        ...

    def claim_to(self, shard: int) -> Claim | None:
        """Return the claim to a shard, None if this engine does not own it."""
        ...

    def owners(self) -> Mapping[int, str]:
        """Return the names of the nodes that own shards, by shard."""
        ...


class SharedPresenceStore(PresenceStore, Protocol):
    """A store of presences that several engines use."""

    async def load_shard(self, claim: Claim) -> dict[str, PresenceRecord]:
        """Return the presences of a shard that was taken. Raises `LeaseEnded`, or a `StoreFailure`."""
        ...

    async def suspect(self, guid: str) -> None:
        """Record that something was sent for a user when the claim was over. Raises a `StoreFailure`."""
        ...

    async def stored_since(self, instant: datetime | None) -> tuple[datetime, dict[str, PresenceRecord]]:
        """Return the instant of this request, and what any engine has stored since that of an earlier one (None:
        nothing). Raises a `StoreFailure`."""
        ...

    async def stored_after(self, guid: str) -> dict[str, PresenceRecord]:
        """Return some of the presences of all engines in the order of their guids, of which the first is the next one
        after this; nothing at the end. Raises a `StoreFailure`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """How users are shared with other engines: who owns whom, the store that all use, after which time the link gives
    up what the PBX has not acknowledged, and for which shards nothing is written."""

    ownership: ShardOwnership
    store: SharedPresenceStore
    undelivered_for: timedelta
    halts: Halts = field(default_factory=Halts)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A presence of a user that the PBX was found to show, in place of the one it had confirmed."""

    user: User
    found: Presence
    confirmed: Presence


class Share:
    """The shards that this engine works for; without `sharing`, it works for everybody.

    Working for a user is reading and deciding. Writing takes a claim, and a claim is used only once it is `prepared`:
    the shard's presences have been loaded under it, because what was known before is no longer certain.
    """

    def __init__(self, sharing: Sharing | None = None) -> None:
        self._ownership = None if sharing is None else sharing.ownership
        self._sharing = sharing
        self.halts = Halts() if sharing is None else sharing.halts
        self.sightings: deque[Sighting] = deque(maxlen=MOST_SIGHTINGS)
        self._shards = set[int]()
        self._shard_of: dict[str, int] = {}
        self._prepared: dict[int, tuple[str, int]] = {}

    @property
    def shards(self) -> frozenset[int]:
        """The shards that this engine works for."""
        return frozenset(self._shards)

    @property
    def is_everybody(self) -> bool:
        """Whether this engine works alone."""
        return self._ownership is None

    def begin(self, shards: Iterable[int]) -> None:
        """Work for these shards from now on."""
        if not self._shards:  # only now it is certain how many shards there are
            self._shard_of.clear()
        self._shards.update(shards)

    def end(self, shards: Iterable[int]) -> None:
        """Stop working for these shards."""
        for shard in shards:
            self._shards.discard(shard)
            self._prepared.pop(shard, None)

    def includes(self, guid: str) -> bool:
        """Return whether this engine works for a user."""
        return self._ownership is None or self._shard(self._ownership, guid) in self._shards

    def of_shards(self, guids: Iterable[str], shards: Collection[int]) -> list[str]:
        """Return those of the users who belong to one of these shards."""
        ownership = self._ownership
        return [] if ownership is None else [guid for guid in guids if self._shard(ownership, guid) in shards]

    def unprepared(self) -> list[Claim]:
        """Return the claims in force, to shards that this engine works for, which are not prepared yet."""
        if self._ownership is None:
            return []
        claims = (self._ownership.claim_to(shard) for shard in sorted(self._shards))
        return [claim for claim in claims if claim is not None and not self._is_prepared(claim)]

    def prepare(self, claim: Claim) -> bool:
        """Use this claim from now on; return whether its shard is worked for at all."""
        if claim.shard in self._shards:
            self._prepared[claim.shard] = (claim.term, claim.token)
        return claim.shard in self._shards

    def claim(self, guid: str) -> Claim | None:
        """Return the claim to write a user, None if this engine may not write that user now."""
        if self._ownership is None:
            return ALWAYS.claim_of(guid)
        claim = self._ownership.claim_of(guid)
        return claim if claim is not None and self._may_be_used(claim) else None

    def prepared_claims(self) -> list[Claim]:
        """Return the claims that may be used now."""
        if self._ownership is None:
            return []
        claims = (self._ownership.claim_to(shard) for shard in sorted(self._shards))
        return [claim for claim in claims if claim is not None and self._may_be_used(claim)]

    def sighted(self, sighting: Sighting) -> None:
        """Note that a user of ours shows what this engine has not written."""
        if not self.is_everybody:
            self.sightings.append(sighting)

    async def load(self, claim: Claim) -> dict[str, PresenceRecord]:
        """Return what is stored for a shard that was taken. Raises `LeaseEnded`, or a `StoreFailure`."""
        return {} if self._sharing is None else await self._sharing.store.load_shard(claim)

    def owners(self) -> Mapping[int, str]:
        """Return the names of the nodes that own shards, by shard."""
        return {} if self._ownership is None else self._ownership.owners()

    def shard_of(self, guid: str) -> int:
        """Return the shard of a user, 0 in an engine that works alone."""
        return 0 if self._ownership is None else self._shard(self._ownership, guid)

    async def stored_since(self, instant: datetime | None) -> tuple[datetime | None, dict[str, PresenceRecord]]:
        """Return the instant of this request, and what engines have stored since an earlier one."""
        return (None, {}) if self._sharing is None else await self._sharing.store.stored_since(instant)

    async def stored_after(self, guid: str) -> dict[str, PresenceRecord]:
        """Return some of the presences of all engines, by their guids; nothing at the end."""
        return {} if self._sharing is None else await self._sharing.store.stored_after(guid)

    async def suspect(self, guid: str) -> None:
        """Store that something was sent for a user when the claim was over. Raises a `StoreFailure`."""
        if self._sharing is not None:
            await self._sharing.store.suspect(guid)

    def _shard(self, ownership: ShardOwnership, guid: str) -> int:
        """Return the shard of a user; it is computed once, because whole PBXs are gone through when a shard moves."""
        shard = self._shard_of.get(guid)
        if shard is None:
            shard = self._shard_of[guid] = ownership.shard_of(guid)
        return shard

    def _may_be_used(self, claim: Claim) -> bool:
        return self._is_prepared(claim) and claim.shard not in self.halts

    def _is_prepared(self, claim: Claim) -> bool:
        return self._prepared.get(claim.shard) == (claim.term, claim.token)
