"""The events of the local API."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble
from engine.api.schema.operations import AuditEntry, Operation
from engine.api.schema.status import Status
from engine.api.schema.users import Shown, UserRow

Topic = Literal["status", "users", "operations", "changes", "audit", "setup", "log"]


class EventsQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Topics, separated by commas; all but `log` if not given."""

    topics: Annotated[str, Meta(max_length=200)] = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The first event: the current state of the requested topics. The following events are newer."""

    boot: str
    status: Status | None
    users: tuple[UserRow, ...] | None
    operations: tuple[Operation, ...] | None


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The state changed. `number` counts the events of this topic, without a gap."""

    number: int
    status: Status


class UsersEvent(msgspec.Struct, frozen=True, kw_only=True):
    """These users changed, and those are gone."""

    number: int
    users: tuple[UserRow, ...]
    gone: tuple[str, ...]


class OperationEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An operation made progress."""

    number: int
    operation: Operation


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a user's presence (`confirmed`, or `withheld` in a dry run), of a user, or of a connection."""

    number: int
    at: datetime
    kind: Literal[
        "confirmed",
        "withheld",
        "user trouble",
        "user recovered",
        "link trouble",
        "link recovered",
        "listening",
        "PBX refused",
        "account paused",
        "reading restricted",
        "reading unrestricted",
        "concern",
        "concern over",
    ]
    guid: str | None = None
    label: str = ""
    presence: Shown | None = None
    trouble: Trouble | None = None


class RecentChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The latest changes, newest first."""

    changes: tuple[ChangeEvent, ...]


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change was made through the API or by the engine itself."""

    number: int
    entry: AuditEntry
