"""Messages of the local API about long-running operations and the audit log."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.common import Actor, Trouble

OperationKind = Literal[
    "resync", "reresolve", "probe", "access", "preview", "setup check", "live preview", "presence test", "clearing"
]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A long-running operation. Of `total` parts, usually users, `done` are finished, `failed` of them without success.

    State `failed` is an internal error; in state `blocked` it could not continue because of a `trouble` with the PBX or
    Exchange, which is tried again at `until`. While it runs, `trouble` is what it waits for, `until` then. It is
    `passed_on` to the other engines that the users are shared with, if some of those that it is about are theirs.
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
    passed_on: bool = False


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """All running operations and the latest finished ones, the newest first."""

    operations: tuple[Operation, ...]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit log: `action` is the name of the request, `subject` its object.

    Actions of the engine itself have the user `calendar-engine`. `node` is the engine that it was made at, if several
    share the audit log; in an event it is empty, and means the one that answers.
    """

    at: datetime
    actor: Actor
    action: str
    subject: str
    node: str = ""


class AuditLog(msgspec.Struct, frozen=True, kw_only=True):
    """The latest changes, the newest first."""

    entries: tuple[AuditEntry, ...]
