"""Work that takes its time, and who asked for what, in the words of the local API."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.common import Actor, Trouble

OperationKind = Literal["resync", "reresolve", "probe", "preview", "setup check"]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Work that takes its time. Of `total` parts, as a rule users, `done` are over, `failed` of them without success.

    In state `failed` the engine made a mistake, in state `blocked` it could not go on because of a `trouble` with a
    whole side, which is tried again at `until`. While it runs, a `trouble` is what it waits for, until then.
    """

    id: str
    kind: OperationKind
    state: Literal["running", "done", "cancelled", "failed", "blocked"]
    actor: Actor
    begun: datetime
    ended: datetime | None
    total: int
    done: int
    failed: int
    trouble: Trouble | None = None
    until: datetime | None = None


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """All that are running, and the last ones that are over; the newest first."""

    operations: tuple[Operation, ...]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed something: `action` is the name of the request, `subject` what it was about.

    What the engine did by itself has `calendar-engine` as its user.
    """

    at: datetime
    actor: Actor
    action: str
    subject: str


class AuditLog(msgspec.Struct, frozen=True, kw_only=True):
    """The last changes, the newest first."""

    entries: tuple[AuditEntry, ...]
