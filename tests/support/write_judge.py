"""What the PBX sees tells whether two engines ever wrote for one user at a time, and whether anything was sent again.

Told of every SetPresence when it arrives, and of what the database says at that moment.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from engine.core.presence.model import CLEARED, Presence


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the database says of a user: who owns the shard under which token, and what is intended under which."""

    term: str | None
    node: str | None
    token: int
    intended: Presence | None
    intended_under: int | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One SetPresence: when it came, from which process of which node, and what the PBX shows after it.

    `claimed` is None if the database could not be asked.
    """

    at: datetime
    guid: str
    contact: str
    shown: Presence
    process: str
    node: str
    claimed: Claimed | None


class Judge:
    """Collects violations of what holds at any time, whatever befalls the engines."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.writes = 0
        self.witnessed = 0
        self.changes_of_hands = 0
        self._shown: dict[tuple[str, str], Presence] = {}
        self._turns: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._process_of: dict[str, str] = {}
        self._no_witness_until: datetime | None = None

    def lost(self, until: datetime) -> None:
        """The database may have lost what it had acknowledged last: while former claims may be used, it is no
        witness."""
        self._no_witness_until = until

    def shows(self, guid: str, contact: str, presence: Presence) -> None:
        """The PBX shows something else than was written last."""
        self._shown[guid, contact] = presence

    def judge(self, arrival: Arrival) -> None:
        """Look for a violation in a write that has just arrived."""
        self.writes += 1
        entry = (arrival.guid, arrival.contact)
        if self._shown.get(entry, CLEARED) == arrival.shown:
            self._complain(arrival, "is shown already")
        self._shown[entry] = arrival.shown
        is_witness = self._no_witness_until is None or arrival.at >= self._no_witness_until
        if arrival.claimed is not None and is_witness:
            self.witnessed += 1
            self._compare(arrival, arrival.claimed)

    def _compare(self, arrival: Arrival, claimed: Claimed) -> None:
        if claimed.term is None:
            self._complain(arrival, "nobody owns the user")
            return
        if (owner := self._process_of.setdefault(claimed.term, arrival.process)) != arrival.process:
            self._complain(arrival, f"the owner is {owner}")
        if claimed.node != arrival.node:
            self._complain(arrival, f"the owner is a process of {claimed.node}")
        if (claimed.intended, claimed.intended_under) != (arrival.shown, claimed.token):
            self._complain(arrival, "was not intended under the present claim")
        turn, turns = (claimed.term, claimed.token), self._turns[arrival.guid]
        if turns[-1:] == [turn]:
            return
        self.changes_of_hands += bool(turns)
        if turn in turns:
            self._complain(arrival, "two took turns")
        turns.append(turn)

    def _complain(self, arrival: Arrival, what: str) -> None:
        self.violations.append(f"{what}: {arrival}")
