"""The messages of the local API, for the server and its clients.

This module imports nothing of the engine. Instants are UTC; `activity` is what the PBX shows: available, busy, away
or dnd. Types named `...Question` are requests, all others responses.
"""

from engine.api.schema.common import About, Actor, FieldProblem, Problem, Rights, Trouble
from engine.api.schema.events import (
    AuditEvent,
    ChangeEvent,
    EventsQuestion,
    OperationEvent,
    RecentChanges,
    Snapshot,
    StatusEvent,
    Topic,
    UsersEvent,
)
from engine.api.schema.operations import AuditEntry, AuditLog, Operation, OperationKind, Operations
from engine.api.schema.status import Affected, Concern, ExpiryState, HeldChange, LinkState, Status
from engine.api.schema.users import (
    Acknowledged,
    Activity,
    AppointmentAccount,
    DecisionAccount,
    MailboxPlace,
    PastChange,
    PlannedPresence,
    ResyncQuestion,
    Shown,
    Sort,
    State,
    Subscription,
    UserDetail,
    UserRow,
    UsersPage,
    UsersQuestion,
)

__all__ = [
    "About",
    "Acknowledged",
    "Activity",
    "Actor",
    "Affected",
    "AppointmentAccount",
    "AuditEntry",
    "AuditEvent",
    "AuditLog",
    "ChangeEvent",
    "Concern",
    "DecisionAccount",
    "EventsQuestion",
    "ExpiryState",
    "FieldProblem",
    "HeldChange",
    "LinkState",
    "MailboxPlace",
    "Operation",
    "OperationEvent",
    "OperationKind",
    "Operations",
    "PastChange",
    "PlannedPresence",
    "Problem",
    "RecentChanges",
    "ResyncQuestion",
    "Rights",
    "Shown",
    "Snapshot",
    "Sort",
    "State",
    "Status",
    "StatusEvent",
    "Subscription",
    "Topic",
    "Trouble",
    "UserDetail",
    "UserRow",
    "UsersEvent",
    "UsersPage",
    "UsersQuestion",
]
