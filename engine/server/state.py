"""The state that the API answers from, with the history of presences and the audit log."""

import asyncio
import itertools
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice

from msgspec.structs import replace

from engine.api.schema import (
    Actor,
    AuditEntry,
    AuditEvent,
    ChangeEvent,
    Concern,
    Operation,
    OperationEvent,
    PastChange,
    Status,
    StatusEvent,
    UserRow,
    UsersEvent,
    UsersPage,
    UsersQuestion,
)
from engine.api.schema.cluster import ClusterState
from engine.api.user_index import UserIndex
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.server import convert
from engine.server.acceptor import ourselves
from engine.server.cluster import ClusterAccess
from engine.server.convert import converted
from engine.server.event_log import Events
from engine.server.metrics import Counters
from engine.server.operations import OperationRegistry
from engine.server.process_health import Descriptors, LoopLag
from engine.store.audit import KEPT, AuditRecord, AuditStore
from engine.store.errors import AuditNotKept, DatabaseAway, DatabaseSlow, StoreFailure
from engine.store.settings_history import Author
from engine.sync.events import (
    CalendarRead,
    Event,
    PresenceConfirmed,
    PresenceWithheld,
    ServiceChanged,
    SettingsRolledBack,
    UserChanged,
    UserRecovered,
    UserTrouble,
)
from engine.sync.problems import Problem, Severity, problems
from engine.sync.status import EngineStatus
from engine.sync.views import EngineView, UserDetails

logger = logging.getLogger(__name__)

UNSAVED = 1000
"""Maximum number of entries kept while the disk fails; beyond that, the oldest are lost."""


class Audit:
    """Audit log of the changes made through the API: in the log, the events, memory, and `trail` if there is one.

    The last ones of each action are kept, so that frequent actions do not displace rare ones.
    """

    def __init__(self, events: Events, trail: AuditStore | None) -> None:
        self._events = events
        self._trail = trail
        self._entries: dict[str, deque[tuple[int, AuditEntry]]] = {}
        self._order = itertools.count()
        self._unsaved: list[AuditRecord] = []
        self._is_due = False
        self._saving = asyncio.Lock()
        self.trouble: Failure | None = None

    async def load(self) -> None:
        """Load the entries of earlier runs. Must be called first."""
        if self._trail is None:
            return
        try:
            for record in await self._trail.load():
                self._remember(_entry(record))
        except StoreFailure as failure:
            self._complain(failure)

    async def refresh(self) -> None:
        """Load what other engines have added meanwhile, if they may have; without the database, what is known stays."""
        if self._trail is None or not self._trail.is_shared:
            return
        async with self._saving:
            try:
                records = await self._trail.load()
            except StoreFailure:  # which the status tells of, since the settings are there, too
                return
            self._entries.clear()
            for record in (*records, *self._unsaved):
                self._remember(_entry(record))

    def add(self, entry: AuditEntry, *, is_saved: bool = False) -> None:
        """Add a change that is being made; `save` makes it durable unless it is already."""
        actor = entry.actor
        name = actor.user or "no name"
        logger.info("audit: %s by %s (uid %d, pid %d): %s", entry.action, name, actor.uid, actor.pid, entry.subject)
        self._remember(entry)
        if self._trail is not None and not is_saved:
            self._unsaved.append(AuditRecord(entry.at, author_of(actor), entry.action, entry.subject))
            self._is_due = True
        self._events.append("audit", lambda number: AuditEvent(number=number, entry=entry))

    async def save(self, *, again: bool = False) -> None:
        """Save all entries to disk.

        If that fails, `trouble` is set, and the entries wait for the next change or a call with `again`.
        """
        async with self._saving:
            if self._trail is None or not (self._is_due or (again and self._unsaved)):
                return
            self._is_due = False
            records, self._unsaved = self._unsaved, []
            try:
                await self._trail.add(records)
            except StoreFailure as failure:
                self._unsaved = [*records, *self._unsaved][-UNSAVED:]
                self._complain(failure)
            except Exception:
                self._unsaved = [*records, *self._unsaved][-UNSAVED:]
                raise
            else:
                self.trouble = None

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the latest changes, the newest first."""
        numbered = itertools.chain.from_iterable(self._entries.values())
        return tuple(entry for _, entry in sorted(numbered, key=lambda each: each[0], reverse=True))

    def _remember(self, entry: AuditEntry) -> None:
        self._entries.setdefault(entry.action, deque(maxlen=KEPT)).append((next(self._order), entry))

    def _complain(self, failure: StoreFailure) -> None:
        if self.trouble is None:
            logger.warning("the audit log cannot be saved: %s. %s", failure, failure.remedy)
        self.trouble = AuditNotKept(str(failure))


def author_of(actor: Actor) -> Author:
    """Return the process at the other end of the socket as the store's `Author`."""
    return Author(actor.uid, actor.pid, actor.user)


def _entry(record: AuditRecord) -> AuditEntry:
    return converted(record, AuditEntry, actor=record.author)


KEPT_OF_USER = 10
"""Changes per user."""

KEPT_OF_ALL = 1000
"""Changes in total, of users and of the connections."""


MOST_USERS = 20_000


class PresenceHistory:
    """History of the latest confirmed presences by guid, and of the latest changes of any kind.

    Users who are gone are kept, since at every new connection to the PBX all are gone for a moment. Those whose
    presence has not changed for the longest time are dropped first.
    """

    def __init__(self) -> None:
        self._changes: OrderedDict[str, tuple[PastChange, ...]] = OrderedDict()
        self.recent: deque[ChangeEvent] = deque(maxlen=KEPT_OF_ALL)

    def __len__(self) -> int:
        """Return the number of users whose changes are kept."""
        return len(self._changes)

    def add(self, guid: str, change: PastChange) -> None:
        """Record a change; the oldest one is dropped."""
        self._changes[guid] = (*self._changes.get(guid, ()), change)[-KEPT_OF_USER:]
        self._changes.move_to_end(guid)
        if len(self._changes) > MOST_USERS:
            self._changes.popitem(last=False)

    def of(self, guid: str) -> tuple[PastChange, ...]:
        """Return a user's changes, the newest first."""
        return tuple(reversed(self._changes.get(guid, ())))


MADE_IN_A_ROW = 500
"""Rows (about three milliseconds) after which the event loop gets a turn."""


class UserRows:
    """Rows of all synchronised users, rebuilt only when outdated."""

    def __init__(self, engine: EngineView) -> None:
        self._engine = engine
        self._index = UserIndex()
        self._outdated = dict.fromkeys(engine.guids())
        self._outdated.update(dict.fromkeys(engine.elsewhere.guids() if engine.elsewhere is not None else ()))
        self._unpublished: dict[str, None] = {}

    def outdate(self, guid: str) -> None:
        """Mark this user's row as outdated."""
        self._outdated[guid] = None

    async def catch_up(self) -> None:
        """Rebuild all outdated rows, so that the next reader has little to wait for."""
        for _ in range(len(self._outdated) // MADE_IN_A_ROW):
            self._refresh(MADE_IN_A_ROW)
            await asyncio.sleep(0)

    def all(self) -> tuple[UserRow, ...]:
        """Return all rows, in no particular order."""
        self._refresh(len(self._outdated))
        return tuple(self._index.rows.values())

    def get(self, guid: str) -> UserRow | None:
        """Return the row of one user, None if the user is not synchronised."""
        self._refresh(len(self._outdated))
        return self._index.rows.get(guid)

    def changed(self, at_most: int) -> list[tuple[str, UserRow | None]]:
        """Return the rows that changed since they were last returned here, None for users who are gone."""
        self._refresh(at_most)
        guids = list(islice(self._unpublished, at_most))
        for guid in guids:
            del self._unpublished[guid]
        return [(guid, self._index.rows.get(guid)) for guid in guids]

    @property
    def has_news(self) -> bool:
        """Whether `changed` may have something to return."""
        return bool(self._outdated or self._unpublished)

    def page(self, question: UsersQuestion) -> UsersPage:
        """Return the requested page."""
        self._refresh(len(self._outdated))
        guids = self._index.find(question.filter, question.sort, descending=question.descending)
        first = (question.page - 1) * question.per_page
        return UsersPage(
            total=len(guids),
            page=question.page,
            per_page=question.per_page,
            users=tuple(self._index.rows[guid] for guid in guids[first : first + question.per_page]),
        )

    def _refresh(self, at_most: int) -> None:
        for guid in list(islice(self._outdated, at_most)):
            del self._outdated[guid]
            row = self._row(guid)
            if row == self._index.rows.get(guid):
                continue
            self._unpublished[guid] = None
            if row is None:
                self._index.remove(guid)
            else:
                self._index.put(row)

    def _row(self, guid: str) -> UserRow | None:
        user = self._engine.summary(guid)
        if user is not None:
            return convert.row(user)
        other = self._engine.elsewhere.of(guid) if self._engine.elsewhere is not None else None
        return None if other is None else convert.row_elsewhere(other)


MERGED = 0.1
"""Seconds within which changes of the same user or operation become one event."""

STATUS_MERGED = 10
"""The status is published in every tenth of these rounds."""

STATUS_OUTDATED = 50
"""After so many rounds the status is computed again without an event, since it visits all users: a stream that opens
and an hour that passes are no events."""

ROWS_AT_A_TIME = 500

AUDIT_TRIED_AGAIN = 600
"""Rounds after which saving unsaved audit entries is retried."""


class ProblemTimes:
    """Remembers since when each kind of problem has been known, also while it is a part of an outage."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def shown(self, problems: Iterable[Problem], now: datetime) -> tuple[Concern, ...]:
        """Return the problems that people see, with their times; those that are gone are forgotten."""
        problems = tuple(problems)
        self._since = {slug: self._since.get(slug, now) for slug in (each.failure.slug for each in problems)}
        concerns = (convert.concern(each) for each in problems if not each.folded)
        return tuple(replace(each, since=self._since[each.trouble.type]) for each in concerns)


class ApiState:
    """State the API answers from; observes the engine. `clock` is calendar time; `trail` stores the audit log;
    `cluster` is given where several engines share the users.

    Every event goes to the log topics at once; of status, users and operations only the newest state is published, by
    `publish`.
    """

    def __init__(
        self,
        engine: EngineView,
        clock: Clock,
        trail: AuditStore | None = None,
        cluster: ClusterAccess | None = None,
    ) -> None:
        self.engine = engine
        self.cluster = cluster
        self.events = Events(boot=secrets.token_hex(4))
        self.rows = UserRows(engine)
        self.counters = Counters()
        self.loop_lag = LoopLag()
        self.history = PresenceHistory()
        self.audit = Audit(self.events, trail)
        self._progressed: dict[str, None] = {}
        self.operations = OperationRegistry(engine, self._operation_changed, clock.now)
        self._descriptors = Descriptors()
        self._clock = clock
        self._started = clock.now()
        self._times, self._own_times = ProblemTimes(), ProblemTimes()
        self._status: Status | None = None
        self._elsewhere: Mapping[str, int] = {}
        self._published: Status | None = None
        engine.observe(self._observe)

    def status(self) -> Status:
        """Return the current status; without an event, what it says of the engine is at most five seconds old."""
        now = self._clock.now()
        if self._status is None:
            picture = self.engine.status()
            concerns = self._times.shown(self._of_the_engine(picture), now)
            self._status = convert.status(picture, concerns, now, self._started, self.engine.timezone)
            self._elsewhere = picture.elsewhere
        self._descriptors.look(now)
        own = (self._descriptors.trouble, self.loop_lag.trouble, self.audit.trouble)
        found = [Problem(each, Severity.DEGRADED) for each in own if each is not None]
        of_our_own = self._own_times.shown((*found, *(self.cluster.problems() if self.cluster else ())), now)
        return replace(
            self._status,
            now=now,
            staleness=convert.staleness(self._status.oldest_reading, now),
            concerns=tuple(sorted(self._status.concerns + of_our_own, key=convert.rank)),
            open_files=self._descriptors.used,
            open_files_limit=self._descriptors.limit,
            loop_lag=round(self.loop_lag.longest, 3),
            cluster=self._cluster_now(self._status.users, now),
        )

    def _of_the_engine(self, picture: EngineStatus) -> Iterable[Problem]:
        """Return the problems of the engine. That the shared database is away is told once, for all that needs it."""
        found = problems(picture)
        if self.cluster is None:
            return found
        return [each for each in found if not isinstance(each.failure, DatabaseAway | DatabaseSlow)]

    def _cluster_now(self, users: int, now: datetime) -> ClusterState | None:
        if self.cluster is None:
            return None
        return self.cluster.state({**self._elsewhere, self.cluster.node: users}, now)

    def now(self) -> datetime:
        """Return the current calendar time."""
        return self._clock.now()

    def details(self, guid: str) -> UserDetails | None:
        """Return all that is known about a user, None if the user is not synchronised."""
        return self.engine.details(guid, self._clock.now())

    async def audit_change(self, actor: Actor, action: str, subject: str, *, is_saved: bool = False) -> None:
        """Add a change to the audit log, durably: before the caller gets a response.

        `is_saved`: it was stored together with what it tells of.
        """
        self.audit.add(AuditEntry(at=self._clock.now(), actor=actor, action=action, subject=subject), is_saved=is_saved)
        await self.audit.save()

    def note_own(self, action: str, subject: str) -> None:
        """Add a change made by the engine itself to the audit log; it is saved soon."""
        self.audit.add(AuditEntry(at=self._clock.now(), actor=ourselves(), action=action, subject=subject))

    async def publish(self) -> None:
        """Publish the newest state until cancelled, merged and in small chunks."""
        for number in itertools.count():
            if number % STATUS_OUTDATED == 0:
                self._status = None
            self._publish_round(with_status=number % STATUS_MERGED == 0)
            await self.audit.save(again=number % AUDIT_TRIED_AGAIN == 0)
            await asyncio.sleep(MERGED)

    def _publish_round(self, *, with_status: bool) -> None:
        self._publish_users()
        self._publish_operations()
        if with_status:
            self._publish_status()

    def _publish_users(self) -> None:
        changed = self.rows.changed(ROWS_AT_A_TIME)
        if changed:
            rows = tuple(row for _, row in changed if row is not None)
            gone = tuple(guid for guid, row in changed if row is None)
            self.events.append("users", lambda number: UsersEvent(number=number, users=rows, gone=gone))

    def _publish_operations(self) -> None:
        for key in tuple(self._progressed):
            operation = self.operations.get(key)
            if operation is not None:
                self._publish_operation(operation)
            del self._progressed[key]

    def _publish_operation(self, operation: Operation) -> None:
        self.events.append("operations", lambda number: OperationEvent(number=number, operation=operation))

    def _publish_status(self) -> None:
        status = self.status()
        if self._published is None or _lasting(status) != _lasting(self._published):
            self._published = status
            self.events.append("status", lambda number: StatusEvent(number=number, status=status))

    def _operation_changed(self, key: str) -> None:
        self._progressed[key] = None

    def _observe(self, event: Event) -> None:
        """Record an event; an exception in here must not reach the engine."""
        self._status = None
        try:
            self._note(event)
        except Exception:
            logger.exception("recording the event %s", type(event).__name__)

    def _note(self, event: Event) -> None:
        self.counters.note(event)
        match event:
            case UserChanged(guid):
                self.rows.outdate(guid)
            case SettingsRolledBack(keys):
                self.note_own("roll_back_settings", ", ".join(keys) or "nothing else")
            case CalendarRead() | ServiceChanged():
                pass
            case PresenceConfirmed() | PresenceWithheld() | UserTrouble() | UserRecovered():
                self._note_user(event)
            case _:
                at = self._clock.now()
                self._publish_change(lambda number: convert.site_change(event, number, at))
        self.operations.note(event)

    def _note_user(self, event: convert.UserEvent) -> None:
        if isinstance(event, PresenceConfirmed):
            change = PastChange(at=event.at, presence=convert.shown(event.presence))
            self.history.add(event.user.guid, change)
        self.rows.outdate(event.user.guid)
        at = self._clock.now()
        self._publish_change(lambda number: convert.user_change(event, number, at))

    def _publish_change(self, make: Callable[[int], ChangeEvent]) -> None:
        def remembered(number: int) -> ChangeEvent:
            change = make(number)
            self.history.recent.appendleft(change)
            return change

        self.events.append("changes", remembered)


def _lasting(status: Status) -> Status:
    """Leave out what changes merely with time and normal calendar reads."""
    cluster = None if status.cluster is None else _lasting_cluster(status.cluster)
    quiet = {"oldest_reading": None, "staleness": None, "open_files": 0, "loop_lag": 0.0}
    return replace(status, now=status.started, cluster=cluster, **quiet)


def _lasting_cluster(state: ClusterState) -> ClusterState:
    """Leave out how old what is known of the nodes is, except where a beat is late."""
    late = state.lease_seconds * 2 / 5
    nodes = (
        replace(each, quiet_seconds=each.quiet_seconds // 1 if each.quiet_seconds > late else 0) for each in state.nodes
    )
    database = replace(state.database, clock_ahead=None)
    return replace(state, nodes=tuple(nodes), database=database, lease_age=None, ownerless_seconds=None)
