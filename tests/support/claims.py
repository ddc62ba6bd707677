"""Claims and shards that a test gives and takes, and a store of presences that several engines of a test share."""

import zlib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from engine.core.claims import UNLIMITED, Claim, LeaseEnded
from engine.core.presence.model import Presence, PresenceSettings
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceRecord, PresenceTarget
from engine.sync.share import Sharing

AT_A_TIME = 2
NEVER = datetime(2026, 1, 1, tzinfo=UTC)

LONG = timedelta(seconds=30)
"""Longer than any answer of a simulator takes."""


@dataclass
class TestedClaim:
    """A claim that holds until `end` is called, or for the first `comparisons` alone."""

    __test__ = False

    token: int = 1
    shard: int = 0
    term: str = "a"
    comparisons: int | None = None
    is_over: bool = False

    def holds(self) -> bool:
        if self.comparisons is not None:
            self.is_over = self.is_over or self.comparisons == 0
            self.comparisons -= 1
        return not self.is_over

    def end(self) -> None:
        self.is_over = True


class SharedShards:
    """The shards of a test with their present owners: what a database of leases would decide."""

    def __init__(self, shards: int, shard_of: Callable[[str], int] | None = None) -> None:
        self.shards = range(shards)
        self.shard_of = shard_of or (lambda guid: zlib.crc32(guid.lower().encode()) % shards)
        self.tokens = dict.fromkeys(self.shards, 0)
        self.owners: dict[int, str] = {}

    def take(self, shard: int, term: str) -> int:
        """Make a process the owner of a shard, and return the token."""
        self.tokens[shard] += 1
        self.owners[shard] = term
        return self.tokens[shard]

    def is_present(self, claim: Claim) -> bool:
        return (self.owners.get(claim.shard), self.tokens[claim.shard]) == (claim.term, claim.token)


class TestedOwnership:
    """What one engine of a test knows of its shards."""

    __test__ = False

    def __init__(self, shards: SharedShards, term: str = "a") -> None:
        self._shards = shards
        self.term = term
        self.claims: dict[int, TestedClaim] = {}

    def take(self, *shards: int) -> None:
        for shard in shards:
            self.claims[shard] = TestedClaim(self._shards.take(shard, self.term), shard, self.term)

    def give_up(self, *shards: int) -> None:
        for shard in shards:
            self.claims.pop(shard).end()

    def shard_of(self, guid: str) -> int:
        return self._shards.shard_of(guid)

    def claim_to(self, shard: int) -> TestedClaim | None:
        claim = self.claims.get(shard)
        return claim if claim is not None and claim.holds() else None

    def owners(self) -> Mapping[int, str]:
        return dict(self._shards.owners)

    def claim_of(self, guid: str) -> TestedClaim | None:
        return self.claim_to(self.shard_of(guid))


class NothingMeant:
    """Remembers nothing of what was let through."""

    async def settings(self) -> PresenceSettings | None:
        return None

    async def let_go(self) -> frozenset[str]:
        return frozenset()

    async def note(self, settings: PresenceSettings, let_go: Set[str]) -> None:
        pass


class SharedMemory:
    """A store of presences as several engines share it: what comes under a former claim is refused.

    With `failure`, it is away. `refusals` counts what came under a former claim. `intents` are the latest, each with
    the claim that it was stored under.
    """

    def __init__(self, shards: SharedShards) -> None:
        self.meant = NothingMeant()
        self.trouble: StoreFailure | None = None
        self.rows: dict[str, PresenceRecord] = {}
        self.leftovers: dict[str, tuple[str, ...]] = {}
        self.failure: StoreFailure | None = None
        self.refusals = 0
        self.requests = 0
        self.intents: dict[str, tuple[Claim, Presence]] = {}
        self._shards = shards

    def sharing(self, ownership: TestedOwnership) -> Sharing:
        return Sharing(ownership, self, LONG)

    async def load(self) -> dict[str, PresenceRecord]:
        return dict(self.rows)

    async def load_shard(self, claim: Claim) -> dict[str, PresenceRecord]:
        self._check(claim)
        return {guid: row for guid, row in self.rows.items() if self._shards.shard_of(guid) == claim.shard}

    async def set_target(self, place: PresenceTarget) -> None:
        pass

    async def stale_contacts(self) -> dict[str, tuple[str, ...]]:
        return dict(self.leftovers)

    async def mark_cleaned(self, guid: str, claim: Claim = UNLIMITED) -> None:
        self._check(claim)
        self.leftovers.pop(guid, None)

    async def intend(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED) -> None:
        self._check(claim)
        known = self.rows.get(guid, PresenceRecord())
        self.rows[guid] = replace(known, intended=presence, intended_expires=expires)
        self.intents[guid] = claim, presence

    async def acknowledge(
        self, guid: str, presence: Presence, expires: datetime | None, claim: Claim = UNLIMITED
    ) -> None:
        self._check(claim)
        self.rows[guid] = PresenceRecord(presence, expires)

    async def withdraw(self, guid: str, claim: Claim = UNLIMITED) -> None:
        self._check(claim)
        if guid in self.rows:
            self.rows[guid] = replace(self.rows[guid], intended=None, intended_expires=None)

    async def forget(self, guid: str, claim: Claim = UNLIMITED) -> None:
        self._check(claim)
        self.rows.pop(guid, None)

    async def suspect(self, guid: str) -> None:
        self._see_that_it_is_there()
        if guid in self.rows:
            self.rows[guid] = replace(self.rows[guid], suspect=True)

    async def stored_since(self, instant: datetime | None) -> tuple[datetime, dict[str, PresenceRecord]]:
        self._see_that_it_is_there()
        self.requests += 1
        return NEVER + timedelta(seconds=self.requests), {} if instant is None else dict(self.rows)

    async def stored_after(self, guid: str) -> dict[str, PresenceRecord]:
        self._see_that_it_is_there()
        following = sorted(each for each in self.rows if each > guid)[:AT_A_TIME]
        return {each: self.rows[each] for each in following}

    async def keep(self) -> None:
        pass

    def not_kept(self) -> dict[str, PresenceRecord]:
        return {}

    def _check(self, claim: Claim) -> None:
        self._see_that_it_is_there()
        if not self._shards.is_present(claim):
            self.refusals += 1
            raise LeaseEnded(f"shard {claim.shard}, token {claim.token}")

    def _see_that_it_is_there(self) -> None:
        if self.failure is not None:
            raise self.failure
