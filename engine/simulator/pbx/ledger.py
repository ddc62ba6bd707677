"""What the simulated PBX was asked, so that a test can say what was on the wire."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PresenceWrite:
    """One SetPresence; `activity` and `note` are None where the message had none."""

    at: datetime
    guid: str
    contact: str
    activity: str | None
    note: str | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One AppLogin."""

    at: datetime
    app: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ReplicationStart:
    """One ReplicateStart."""

    at: datetime
    add: bool
    delete: bool
    columns: frozenset[str]
    pseudo: tuple[str, ...] | None
    accepted: bool
    changes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Ledger:
    """Everything in the order it came."""

    writes: list[PresenceWrite] = field(default_factory=list)
    logins: list[LoginAttempt] = field(default_factory=list)
    replications: list[ReplicationStart] = field(default_factory=list)
    challenges: int = 0
    keep_alives: int = 0
    challenges_met: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    _writes_by_guid: dict[str, list[PresenceWrite]] = field(default_factory=lambda: defaultdict(list))

    def add_write(self, write: PresenceWrite) -> None:
        """Note a SetPresence."""
        self.writes.append(write)
        self._writes_by_guid[write.guid].append(write)

    def writes_of(self, guid: str) -> tuple[PresenceWrite, ...]:
        """Return the writes for one user, oldest first."""
        return tuple(self._writes_by_guid.get(guid, ()))
