"""The nodes of a cluster as one of them sees them: who is alive, and since when nothing has changed.

A node is alive while its beat is seen to go on. Nothing here reads a clock: whoever calls says when something was
found.
"""

from collections.abc import Collection
from dataclasses import dataclass

from engine.cluster.clocks import SECOND, Reading, passed_for_waiter
from engine.cluster.model import ClusterState, TermState

SHARE, STANDBY = "share", "standby"
"""Roles: a node that shares the users at all times, and one that has them only while no other can."""

LOST_AFTER, REGAINED_AFTER = 15 * SECOND, 60 * SECOND
"""How long a node is not able before it says so, and able again before it says so; the first time it does at once."""


@dataclass(slots=True)
class _Seen:
    """A term with the moments since when what it says is the same."""

    state: TermState
    first_beat: int
    beat_since: Reading
    able_since: Reading


class Nodes:
    """The terms that are not over. `lease` is for how long a beat may stand still, in nanoseconds."""

    def __init__(self, lease: int) -> None:
        self._lease = lease
        self._incarnation = ""
        self._terms: dict[str, _Seen] = {}
        self._looked: Reading | None = None
        self._has_missed = False
        self._members: frozenset[tuple[str, str, bool, bool]] = frozenset()
        self._members_since: Reading | None = None

    def look(self, found: ClusterState, now: Reading) -> None:
        """Take note of what was found."""
        if found.incarnation != self._incarnation:
            self._incarnation = found.incarnation
            self._terms.clear()
        is_long = self._looked is not None and passed_for_waiter(self._looked, now) > self._lease // 5
        if self._has_missed and is_long:
            self._grant_time(now)
        self._looked, self._has_missed = now, False
        before, self._terms = self._terms, {}
        for state in found.terms:
            seen = before.get(state.term) or _Seen(state, state.beat, now, now)
            self._terms[state.term] = _Seen(
                state,
                seen.first_beat,
                seen.beat_since if state.beat == seen.state.beat else now,
                seen.able_since if state.able and seen.state.able else now,
            )
        members = frozenset((each.node, each.role, each.able, each.draining) for each in self.alive(now))
        if members != self._members or self._members_since is None:
            self._members, self._members_since = members, now

    def missed(self) -> None:
        """Take note that a look was not answered."""
        self._has_missed = True

    def _grant_time(self, now: Reading) -> None:
        """Give everybody half a lease to come back: while we could not look, they could not beat either, as a rule."""
        half = self._lease // 2
        since = Reading(now.boot - half, now.raw - half, now.wall - half)
        for seen in self._terms.values():
            if passed_for_waiter(seen.beat_since, now) > half:
                seen.beat_since = since

    def alive(self, now: Reading) -> Collection[TermState]:
        """Return the terms whose beat goes on."""
        return [each.state for each in self._terms.values() if passed_for_waiter(each.beat_since, now) < self._lease]

    def quiet_for(self, term: str, now: Reading) -> int:
        """Return for how many nanoseconds a term's beat was not seen to go on."""
        return passed_for_waiter(self._terms[term].beat_since, now)

    def looked_at(self) -> Reading | None:
        """Return when the database was looked at last, None if it was not yet."""
        return self._looked

    def silent(self, now: Reading) -> Collection[TermState]:
        """Return the terms that were not ended, and whose beat stands still: their processes are over, or stopped."""
        return [each.state for each in self._terms.values() if passed_for_waiter(each.beat_since, now) >= self._lease]

    def beat_was_seen(self, term: str) -> bool:
        """Return whether a term's beat was seen to go on, so that its process is running for certain."""
        seen = self._terms.get(term)
        return seen is not None and seen.state.beat != seen.first_beat

    def takers(self, now: Reading) -> Collection[TermState]:
        """Return the terms that the shards are meant for: of those that can, all that share, or those on standby."""
        can = [each for each in self.alive(now) if each.able and not each.draining]
        return [each for each in can if each.role == SHARE] or can

    def able_for(self, term: str, now: Reading) -> int:
        """Return for how many nanoseconds a term was seen to be able without a break."""
        seen = self._terms.get(term)
        return 0 if seen is None or not seen.state.able else passed_for_waiter(seen.able_since, now)

    def unchanged_for(self, now: Reading) -> int:
        """Return for how many nanoseconds the same nodes were alive, with the same roles and abilities."""
        return 0 if self._members_since is None else passed_for_waiter(self._members_since, now)


class Ability:
    """Whether a node can do its work, as it tells the others: a short trouble is not worth handing over all users."""

    def __init__(self) -> None:
        self._told = False
        self._otherwise_since: Reading | None = None
        self._was_told = False

    def told(self, is_able: bool, now: Reading) -> bool:
        """Return what to tell the others, while the node is able or is not."""
        if is_able == self._told:
            self._otherwise_since = None
            return self._told
        self._otherwise_since = self._otherwise_since or now
        patience = LOST_AFTER if self._told else REGAINED_AFTER if self._was_told else 0
        if passed_for_waiter(self._otherwise_since, now) >= patience:
            self._told, self._otherwise_since = is_able, None
            self._was_told = True
        return self._told
