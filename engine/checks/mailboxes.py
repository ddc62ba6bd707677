"""Checks of all users' mailboxes and calendars, without writing anything."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.checks.access import MakeAccess
from engine.checks.check import CheckRun, CheckStep, StepLog, StepSkipped
from engine.core.clock import Clock
from engine.core.errors import Failure, Scope
from engine.core.presence import Presence, PresenceSettings, decide
from engine.core.presence.local_days import ONE_DAY, local_day, start_of_day
from engine.core.users import CandidateOrder, User, UserSelection, address_candidates
from engine.exchange.source import CalendarSource, Mailbox, Window
from engine.sync.hold import NobodyTakesPart
from engine.sync.preview import UserCalendar

AT_ONCE = 8
USERS_NAMED = 100
"""Number of users without a mailbox that are named."""


class MailboxesCheck:
    """Resolves the mailboxes of those of `users` that `selection` includes. `clock` is the network clock.

    After `run`, `mailboxes` holds those found, by the guid of the user. `progressed` is called with the number of users
    done and the number of those without a mailbox.
    """

    names = ("users", "resolution")

    def __init__(
        self,
        users: Iterable[User],
        domain: str,
        selection: UserSelection,
        order: CandidateOrder,
        make_access: MakeAccess,
        clock: Clock,
        progressed: Callable[[int, int], None],
    ) -> None:
        self._all = tuple(users)
        self.users = tuple(user for user in self._all if selection.takes_part(user))
        self.mailboxes: dict[str, Mailbox] = {}
        self._domain = domain
        self._order = order
        self._make_access = make_access
        self._clock = clock
        self._progressed = progressed
        self._without: list[tuple[User, Failure]] = []
        self._stopped_by: Failure | None = None

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        await check_run.run("users", self._count)
        await check_run.run("resolution", self._resolve_all)
        return tuple(check_run.steps)

    async def _count(self, step_log: StepLog) -> None:
        step_log.evidence.append(f"{len(self.users)} of {len(self._all)} users take part")
        if not self.users:
            raise NobodyTakesPart(f"of {len(self._all)} users")

    async def _resolve_all(self, step_log: StepLog) -> None:
        source = self._make_access().source
        try:
            waiting = deque(self.users)
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._resolve_some(source, waiting))
        finally:
            await source.close()
        step_log.evidence.append(f"{len(self.mailboxes)} of {len(self.users)} users have a mailbox")
        step_log.add_troubles((user.label, failure) for user, failure in self._without[:USERS_NAMED])
        if len(self._without) > USERS_NAMED:
            step_log.evidence.append(f"and {len(self._without) - USERS_NAMED} more")
        if self._stopped_by is not None:
            raise self._stopped_by
        if not self.mailboxes:
            raise self._without[0][1]

    async def _resolve_some(self, source: CalendarSource, waiting: deque[User]) -> None:
        """Resolve users one after the other; a failure that concerns all of them ends the step."""
        while waiting and self._stopped_by is None:
            user = waiting.popleft()
            try:
                self.mailboxes[user.guid] = await source.resolve(address_candidates(user, self._domain, self._order))
            except Failure as failure:
                if failure.scope is not Scope.USER:
                    self._stopped_by = failure
                self._without.append((user, failure))
            self._progressed(len(self.mailboxes) + len(self._without), len(self._without))


MOST = 200
"""Number of calendars read: enough to see the effect of settings, few enough to be quick."""
CALENDARS_NAMED = 20


class CalendarsCheck:
    """Reads today's calendars of the `users` in `mailboxes` (by guid) and decides their presence under `settings`.

    After `run`, `calendars` are those that were read. `clock` is the network clock, `calendar_clock` gives the instant
    decided for. `progressed` is called with the numbers of calendars done and of those that could not be read.
    """

    names = ("calendars", "presence")

    def __init__(
        self,
        users: Sequence[User],
        mailboxes: Mapping[str, Mailbox],
        settings: PresenceSettings,
        make_access: MakeAccess,
        clock: Clock,
        calendar_clock: Clock,
        progressed: Callable[[int, int], None],
    ) -> None:
        self._users = [user for user in users if user.guid in mailboxes]
        self._mailboxes = mailboxes
        self._settings = settings
        self._make_access = make_access
        self._clock = clock
        self._calendar_clock = calendar_clock
        self._progressed = progressed
        self.calendars: list[UserCalendar] = []
        self._shown: dict[str, Presence] = {}
        self._unread: list[tuple[User, Failure]] = []

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        await check_run.run("calendars", self._read_all)
        await check_run.run("presence", self._tell)
        return tuple(check_run.steps)

    async def _read_all(self, step_log: StepLog) -> None:
        if not self._users:
            raise StepSkipped("no user has a mailbox")
        source = self._make_access().source
        try:
            waiting = deque(self._users[:MOST])
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._read_some(source, waiting))
        finally:
            await source.close()
        step_log.evidence.append(f"{len(self._shown)} calendars read, of {len(self._users)} users with a mailbox")
        step_log.add_troubles((user.label, failure) for user, failure in self._unread[:CALENDARS_NAMED])
        if not self._shown:
            raise self._unread[0][1]

    async def _read_some(self, source: CalendarSource, waiting: deque[User]) -> None:
        now, zone = self._calendar_clock.now(), self._settings.timezone
        today = local_day(now, zone)
        window = Window(start_of_day(today, zone), start_of_day(today + ONE_DAY, zone))
        while waiting:
            user = waiting.popleft()
            try:
                appointments = await source.read_window(self._mailboxes[user.guid], window)
                self.calendars.append(UserCalendar(user, (), tuple(appointments)))
                self._shown[user.guid] = decide(appointments, self._settings, now).presence
            except Failure as failure:
                self._unread.append((user, failure))
            self._progressed(len(self._shown) + len(self._unread), len(self._unread))

    async def _tell(self, step_log: StepLog) -> None:
        counted = Counter(presence.activity or "available" for presence in self._shown.values())
        step_log.evidence.append(", ".join(f"{number} {activity}" for activity, number in counted.most_common()))
        shown = [(user, self._shown[user.guid]) for user in self._users if self._shown.get(user.guid, Presence()).note]
        step_log.evidence += [f"{user.label}: {presence.note}" for user, presence in shown[:CALENDARS_NAMED]]
