"""The rules of the lease protocol: what one node may believe of the shards, and what it may do about it.

Nothing here waits, asks a database or reads a clock: whoever calls says what was found and answered, and when. `look`,
`may_take`, `told_beat` and `told_take` are the functions of that name in the checked model of the protocol, for many
shards at once. A claim that is over is never revived; a node that wants the shard again takes it again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.cluster.clocks import SECOND, Reading, may_have_been_frozen, passed_for_holder, passed_for_waiter
from engine.cluster.model import ClusterState, ShardState


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """The times of the protocol, in nanoseconds."""

    lease: int
    """How long whoever waits sees nothing change before taking a shard."""
    claim: int
    """How long a claim lasts, from before the request was sent that it rests on."""

    @classmethod
    def of(cls, lease_seconds: int) -> "LeaseTimes":
        """Return the times that belong to a lease of so many seconds."""
        return cls(lease=lease_seconds * SECOND, claim=lease_seconds * SECOND * 7 // 10)

    @property
    def margin(self) -> int:
        """How long after the end of a claim a write may still be under way, with a reserve."""
        return self.lease - self.claim


class HeldShard:
    """A node's belief that it owns a shard; `sent` is the moment before the latest request that it rests on."""

    __slots__ = ("_is_over", "_lasts", "_sent", "shard", "term", "token")

    def __init__(self, shard: int, term: str, token: int, sent: Reading, lasts: int) -> None:
        self.shard = shard
        self.term = term
        self.token = token
        self._sent = sent
        self._lasts = lasts
        self._is_over = False

    def has_run_out(self, now: Reading) -> bool:
        """Return whether this claim is over."""
        return self._is_over or passed_for_holder(self._sent, now) >= self._lasts

    def is_uncertain(self, now: Reading) -> bool:
        """Return whether the machine may have been frozen, so that the database has to be asked before any write."""
        return may_have_been_frozen(self._sent, now)

    def age(self, now: Reading) -> int:
        """Return for how many nanoseconds the database has not confirmed this claim."""
        return passed_for_holder(self._sent, now)

    def holds_at(self, now: Reading) -> bool:
        """Return whether the node may write: the claim has not run out, and nothing makes it uncertain."""
        return not self.has_run_out(now) and not self.is_uncertain(now)

    def going_on(self, sent: Reading) -> "HeldShard":
        """Return the claim as it goes on, counted from then.

        It is another object after the machine may have been frozen: one that did not hold never holds again.
        """
        if not self.is_uncertain(sent):
            self._sent = sent
            return self
        self.end()
        return HeldShard(self.shard, self.term, self.token, sent, self._lasts)

    def end(self) -> None:
        """Make it over, for good."""
        self._is_over = True


class Lease:
    """What one node believes of all shards."""

    def __init__(self, times: LeaseTimes) -> None:
        self.times = times
        self.term = ""
        self._claims: dict[int, HeldShard] = {}
        self._given_up: dict[int, tuple[int, Reading]] = {}
        self._seen: dict[int, tuple[ShardState, Reading]] = {}
        self._highest: dict[int, int] = {}
        self._incarnation: tuple[str, Reading] | None = None
        self._is_first_incarnation = True
        self._settled = ""
        self.takeovers = 0
        """How many shards were taken of nodes that had not given them up."""

    def begin(self, term: str) -> Collection[int]:
        """Go on under a new term, without a claim; return the shards whose claims this ends."""
        self.term = term
        self._given_up.clear()
        return self._end(tuple(self._claims))

    def claim_of(self, shard: int) -> HeldShard | None:
        """Return the claim to a shard, which may have run out meanwhile."""
        return self._claims.get(shard)

    @property
    def claims(self) -> Collection[HeldShard]:
        """All claims, of which some may have run out meanwhile."""
        return self._claims.values()

    @property
    def given_up(self) -> Collection[int]:
        """The shards that are given up, and not yet released."""
        return self._given_up.keys()

    def look(self, found: ClusterState, now: Reading) -> None:
        """Take note of what was found. Whatever differs, a step back too, is seen from now on."""
        if self._incarnation is None or self._incarnation[0] != found.incarnation:
            self._is_first_incarnation = self._incarnation is None
            self._incarnation = (found.incarnation, now)
            self._seen.clear()
        self._settled = found.settled
        for state in found.shards:
            before = self._seen.get(state.shard)
            since = before[1] if before is not None and _is_unchanged(before[0], state) else now
            self._seen[state.shard] = (state, since)
            self._note_token(state.shard, state.token)

    @property
    def incarnation(self) -> str:
        """The incarnation that was seen last; empty before the first look."""
        return "" if self._incarnation is None else self._incarnation[0]

    def knows_incarnation(self, now: Reading) -> bool:
        """Return whether this node has seen the incarnation for as long as a lease: what a former server answered is
        over."""
        return self._incarnation is not None and passed_for_waiter(self._incarnation[1], now) >= self.times.lease

    def changed_ago(self, now: Reading) -> int | None:
        """Return how many nanoseconds ago another incarnation was seen than before, None if none was."""
        if self._incarnation is None or self._is_first_incarnation:
            return None
        return passed_for_waiter(self._incarnation[1], now)

    def unchanged_for(self, shard: int, now: Reading) -> int:
        """Return for how many nanoseconds the owner of a shard was seen to do nothing."""
        return passed_for_waiter(self._seen[shard][1], now)

    def may_take(self, shard: int, now: Reading) -> bool:
        """Return whether nobody can hold a claim to this shard any more, as far as it was seen."""
        claim, seen = self._claims.get(shard), self._seen.get(shard)
        if seen is None or self._incarnation is None or (claim is not None and not claim.has_run_out(now)):
            return False
        if not self.knows_incarnation(now) and self._settled != self._incarnation[0]:
            return False
        state, since = seen
        is_free = state.term is None or state.ended or state.term == self.term
        return is_free or passed_for_waiter(since, now) >= self.times.lease

    def seen(self, shard: int) -> ShardState:
        """Return what was seen of a shard: to be compared once more when it is taken."""
        return self._seen[shard][0]

    def highest_token(self, shard: int) -> int:
        """Return the highest token of a shard that this process has known, which a new one has to exceed.

        After a fail-over that has lost a take the database would give the same one again, and a release under the
        former claim, executed late, would free the shard under the new one.
        """
        return self._highest.get(shard, 0)

    def told_beat(self, sent: Reading, now: Reading, listed: Mapping[int, int] | None) -> Collection[int]:
        """Process the answer to a beat: our shards with their tokens, None if our term is over.

        Return the shards whose claims are over. The others go on, counted from before the beat was sent.
        """
        over = []
        for shard, claim in self._claims.items():
            if listed is not None and listed.get(shard) == claim.token and not claim.has_run_out(now):
                self._claims[shard] = claim.going_on(sent)
            else:
                over.append(shard)
        return self._end(over)

    def told_take(self, shard: int, sent: Reading, now: Reading, token: int | None) -> HeldShard | None:
        """Process the answer to a take: the new token, None if it was in vain. Return the claim, if it is one."""
        if token is None:
            return None
        self._note_token(shard, token)
        seen = self._seen.get(shard)
        self.takeovers += seen is not None and seen[0].term not in (None, self.term)
        claim = HeldShard(shard, self.term, token, sent, self.times.claim)
        if claim.has_run_out(now):
            return None
        self._end((shard,))
        self._given_up.pop(shard, None)
        self._claims[shard] = claim
        return claim

    def run_out(self, now: Reading) -> Collection[int]:
        """End the claims that have run out, and return their shards."""
        return self._end([shard for shard, claim in self._claims.items() if claim.has_run_out(now)])

    def give_up(self, shard: int, now: Reading) -> None:
        """Stop writing for a shard that we own, which is released once no write can be under way."""
        claim = self._claims.get(shard)
        token = self.seen(shard).token if claim is None else claim.token
        self._end((shard,))
        self._given_up[shard] = (token, now)

    def may_release(self, shard: int, now: Reading) -> bool:
        """Return whether no write of a shard that was given up can be under way, whatever was answered."""
        return passed_for_waiter(self._given_up[shard][1], now) >= self.times.margin

    def token_given_up(self, shard: int) -> int:
        """Return the token under which a shard was held that is given up."""
        return self._given_up[shard][0]

    def released(self, shard: int) -> None:
        """Forget a shard that was given up: its release was answered."""
        self._given_up.pop(shard, None)

    def _note_token(self, shard: int, token: int) -> None:
        self._highest[shard] = max(token, self._highest.get(shard, 0))

    def _end(self, shards: Collection[int]) -> Collection[int]:
        for shard in shards:
            claim = self._claims.pop(shard, None)
            if claim is not None:
                claim.end()
        return shards


def _is_unchanged(before: ShardState, now: ShardState) -> bool:
    """Return whether the owner has done nothing in between: whatever it does raises its beat or the token."""
    return (before.term, before.token, before.beat) == (now.term, now.token, now.beat)
