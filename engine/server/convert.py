"""Converts the engine's values into those of the API schema."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec

from engine.api.schema import (
    Acknowledged,
    Activity,
    Affected,
    ChangeEvent,
    Concern,
    DecisionAccount,
    ExpiryState,
    HeldChange,
    LinkState,
    PastChange,
    PlannedPresence,
    Shown,
    State,
    Status,
    Subscription,
    Trouble,
    UserDetail,
    UserRow,
)
from engine.api.schema.checks import RungAccount
from engine.api.schema.status import SeverityName
from engine.checks.check import CheckStep
from engine.core.errors import Failure
from engine.core.presence.decide import Decision
from engine.core.presence.model import Presence
from engine.store.presence import PresenceRecord
from engine.sync import status as sync_status
from engine.sync.elsewhere import UserElsewhere
from engine.sync.events import (
    AccountPaused,
    ConcernArose,
    ConcernOver,
    ConnectionLost,
    ConnectionRestored,
    ListeningForPbx,
    PbxRejected,
    PresenceConfirmed,
    PresenceWithheld,
    ReadingRestricted,
    ReadingUnrestricted,
    Side,
    UserRecovered,
    UserTrouble,
)
from engine.sync.hold import Held
from engine.sync.problems import Problem, Severity
from engine.sync.views import UserDetails, UserSummary

T = TypeVar("T", bound=msgspec.Struct)


def converted(source: object, kind: type[T], **other: object) -> T:
    """Convert `source`, with everything in it, to `kind`; `other` are the fields with another name or form there."""
    same = [each.name for each in msgspec.structs.fields(kind) if each.name not in other]
    return msgspec.convert({name: getattr(source, name) for name in same} | other, kind, from_attributes=True)


VERSION = version("calendar-tui")
NAMED_USERS = 10
"""Maximum number of affected users named with a problem."""

UserEvent = PresenceConfirmed | PresenceWithheld | UserTrouble | UserRecovered
SiteEvent = (
    ConnectionLost
    | ConnectionRestored
    | ListeningForPbx
    | PbxRejected
    | AccountPaused
    | ReadingRestricted
    | ReadingUnrestricted
    | ConcernArose
    | ConcernOver
)

_SEVERITIES: dict[Severity, SeverityName] = {
    Severity.DOWN: "down",
    Severity.WRONG_PRESENCE: "wrong presence",
    Severity.NO_CALENDAR: "no calendar",
    Severity.DEGRADED: "degraded",
    Severity.COMING: "coming",
    Severity.NOTE: "note",
}


def shown(presence: Presence) -> Shown:
    """Convert a presence."""
    return Shown(activity=cast("Activity", presence.activity or "available"), note=presence.note)


def trouble(failure: Failure, *, in_full: bool = False) -> Trouble:
    """Convert a failure, `in_full` for callers who may see confidential details."""
    return Trouble(
        type=failure.slug,
        title=failure.meaning,
        detail=failure.whole_detail if in_full else failure.detail,
        remedy=failure.remedy,
        fault=failure.fault,
        scope=failure.scope,
    )


def status(
    picture: sync_status.EngineStatus,
    concerns: tuple[Concern, ...],
    now: datetime,
    started: datetime,
    timezone: ZoneInfo,
) -> Status:
    """Convert the status; `now` and `started` are calendar time, `timezone` is that of the notes."""
    withheld = picture.withheld
    return Status(
        version=VERSION,
        state="running" if picture.is_set_up else "not set up",
        now=now,
        started=started,
        timezone=timezone.key,
        pbx=picture.pbx_name,
        links=tuple(_link(side, link, picture.answer_seconds(side)) for side, link in _links(picture)),
        users=picture.users,
        resolved=picture.resolved,
        up_to_date=picture.up_to_date,
        pending=picture.pending,
        watched=picture.watched,
        unread=picture.waiting,
        unresolved=len(picture.unresolved),
        refused=len(picture.refused),
        oldest_reading=picture.oldest_reading,
        staleness=staleness(picture.oldest_reading, now),
        poll_seconds=None if picture.polling is None else picture.polling.interval.total_seconds(),
        quiet_until=None if picture.polling is None else picture.polling.quiet_until,
        dry_run=withheld is not None and withheld.dry_run,
        live=withheld.live if withheld else picture.users,
        withheld=withheld.presences if withheld else 0,
        withheld_cleared=withheld.cleared if withheld else 0,
        left=withheld.left if withheld else 0,
        held=None if picture.held is None else held(picture.held),
        confirm_until=picture.confirm_until,
        concerns=concerns,
        application_proof=None if picture.proof is None else picture.proof.value,
        expiries=tuple(
            ExpiryState(what=each.kind.value, place=each.place, ends=each.ends) for each in picture.expiries
        ),
    )


def held(change: Held) -> HeldChange:
    """Convert held removals."""
    return converted(change, HeldChange)


def user_change(event: UserEvent, number: int, at: datetime) -> ChangeEvent:
    """Convert an event about one user; `at` is calendar time."""
    match event:
        case PresenceConfirmed(user, presence):
            return ChangeEvent(
                number=number, at=at, kind="confirmed", guid=user.guid, label=user.label, presence=shown(presence)
            )
        case PresenceWithheld(user, presence):
            return ChangeEvent(
                number=number, at=at, kind="withheld", guid=user.guid, label=user.label, presence=shown(presence)
            )
        case UserTrouble(user, failure):
            return ChangeEvent(
                number=number, at=at, kind="user trouble", guid=user.guid, label=user.label, trouble=trouble(failure)
            )
        case UserRecovered(user):
            return ChangeEvent(number=number, at=at, kind="user recovered", guid=user.guid, label=user.label)


def site_change(event: SiteEvent, number: int, at: datetime) -> ChangeEvent:
    """Convert an event about more than one user; `at` is calendar time."""
    exchange = Side.EXCHANGE.value
    match event:
        case ConnectionLost(side, failure):
            return ChangeEvent(number=number, at=at, kind="link trouble", label=side.value, trouble=trouble(failure))
        case ConnectionRestored(side):
            return ChangeEvent(number=number, at=at, kind="link recovered", label=side.value)
        case ListeningForPbx(url):
            return ChangeEvent(number=number, at=at, kind="listening", label=url)
        case PbxRejected(name, failure):
            return ChangeEvent(number=number, at=at, kind="PBX refused", label=name, trouble=trouble(failure))
        case AccountPaused(failure):
            return ChangeEvent(number=number, at=at, kind="account paused", label=exchange, trouble=trouble(failure))
        case ReadingRestricted(failure):
            return ChangeEvent(
                number=number, at=at, kind="reading restricted", label=exchange, trouble=trouble(failure)
            )
        case ReadingUnrestricted():
            return ChangeEvent(number=number, at=at, kind="reading unrestricted", label=exchange)
        case ConcernArose(side, failure):
            return ChangeEvent(number=number, at=at, kind="concern", label=side.value, trouble=trouble(failure))
        case ConcernOver(side):
            return ChangeEvent(number=number, at=at, kind="concern over", label=side.value)


def staleness(oldest_reading: datetime | None, now: datetime) -> float | None:
    """Return the age of the oldest calendar read in seconds."""
    return None if oldest_reading is None else (now - oldest_reading).total_seconds()


def row(user: UserSummary) -> UserRow:
    """Convert a user to a row of a list."""
    presence, problem = user.shown, user.problem or user.notice
    return UserRow(
        guid=user.user.guid,
        name=user.user.name,
        display_name=user.user.display_name,
        mailbox=user.mailbox,
        activity=None if presence is None else cast("Activity", presence.activity or "available"),
        note="" if presence is None else presence.note,
        until=user.until,
        state=_state(user.problem, user.desired, presence, user.withheld, is_read=user.read_at is not None),
        withheld=None if user.withheld is None else shown(user.withheld),
        not_written=None if user.not_written is None else user.not_written.value,
        last_read=user.read_at,
        watched=user.is_watched,
        problem=problem.slug if problem else None,
        problem_title=problem.meaning if problem else None,
    )


def row_elsewhere(other: UserElsewhere) -> UserRow:
    """Convert a user of another node to a row of a list."""
    presence = other.written.acknowledged
    return UserRow(
        guid=other.user.guid,
        name=other.user.name,
        display_name=other.user.display_name,
        mailbox=None,
        activity=None if presence is None else shown(presence).activity,
        note="" if presence is None else presence.note,
        until=other.written.expires,
        state="current" if other.written.intended is None else "pending",
        owner=other.node,
    )


def detail_elsewhere(other: UserElsewhere, history: Iterable[PastChange], day_begins: datetime) -> UserDetail:
    """Convert what is known of a user of another node."""
    return converted(
        other.user,
        UserDetail,
        candidates=(),
        mailbox=None,
        subscription=Subscription(watched=False, connection="", since=None, why_not=""),
        last_read=None,
        next_read=None,
        read_from=None,
        read_until=None,
        state=row_elsewhere(other).state,
        acknowledged=_acknowledged(other.written),
        withheld=None,
        not_written=None,
        decision=None,
        day_begins=day_begins,
        day=(),
        problems=(),
        history=tuple(history),
        owner=other.node,
    )


def detail(user: UserDetails, history: Iterable[PastChange], *, in_full: bool) -> UserDetail:
    """Convert all details of a user, `in_full` for callers who may see confidential ones."""
    failure = user.problems[0] if user.problems else None
    return converted(
        user.user,
        UserDetail,
        candidates=user.candidates,
        mailbox=user.mailbox,
        subscription=user.following,
        last_read=user.read_at,
        next_read=user.next_visit,
        read_from=user.window.start if user.window else None,
        read_until=user.window.end if user.window else None,
        state=_state(failure, user.desired, user.written.acknowledged, user.withheld, is_read=user.read_at is not None),
        acknowledged=_acknowledged(user.written),
        withheld=None if user.withheld is None else shown(user.withheld),
        not_written=None if user.not_written is None else user.not_written.value,
        decision=_decision(user.decision) if user.decision else None,
        day_begins=user.day_begins,
        day=tuple(PlannedPresence(begins=each.at, presence=shown(each.presence)) for each in user.day),
        problems=tuple(trouble(each, in_full=in_full) for each in (*user.problems, *user.notices)),
        history=tuple(history),
        owner=None,
    )


def _state(
    problem: Failure | None,
    desired: Presence | None,
    shown: Presence | None,
    withheld: Presence | None,
    *,
    is_read: bool,
) -> State:
    if problem is not None:
        return "problem"
    if not is_read:
        return "unread"
    if withheld is not None:
        return "withheld"
    return "current" if desired == shown else "pending"


def _links(picture: sync_status.EngineStatus) -> Iterator[tuple[Side, sync_status.ConnectionStatus]]:
    yield Side.PBX, picture.pbx
    yield Side.EXCHANGE, picture.exchange
    if picture.exchange_online is not None:
        yield Side.EXCHANGE_ONLINE, picture.exchange_online


def _link(side: Side, link: sync_status.ConnectionStatus, answer_seconds: float | None) -> LinkState:
    return converted(
        link,
        LinkState,
        name=side.value,
        trouble=trouble(link.failure) if link.failure else None,
        answer_seconds=None if answer_seconds is None else round(answer_seconds, 1),
    )


def concern(problem: Problem) -> Concern:
    """Convert a problem."""
    return Concern(
        trouble=trouble(problem.failure),
        severity=_SEVERITIES[problem.severity],
        link=None if problem.side is None else problem.side.value,
        count=problem.count,
        users=tuple(Affected(guid=each.user.guid, label=each.user.label) for each in problem.users[:NAMED_USERS]),
    )


def rank(concern: Concern) -> int:
    """Return the place of a problem among the others, the worst first."""
    return list(_SEVERITIES.values()).index(concern.severity)


def _acknowledged(written: PresenceRecord) -> Acknowledged:
    presence = None if written.acknowledged is None else shown(written.acknowledged)
    return converted(written, Acknowledged, presence=presence)


def _decision(decision: Decision) -> DecisionAccount:
    return converted(decision, DecisionAccount, presence=shown(decision.presence), appointments=decision.reasons)


def check_step(step: CheckStep, *, in_full: bool) -> RungAccount:
    """Convert one step of a check, `in_full` for callers who may see confidential details."""
    return converted(
        step,
        RungAccount,
        outcome=step.outcome.value,
        evidence=(*step.evidence, *step.confidential) if in_full else step.evidence,
        milliseconds=round(step.duration / timedelta(milliseconds=1), 1),
        trouble=trouble(step.failure, in_full=in_full) if step.failure else None,
    )
