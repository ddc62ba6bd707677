"""Check of everybody's access: whose mailbox is found, who may be impersonated, whose calendar can be read."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from engine.checks.access import MakeAccess
from engine.checks.check import CheckRun, CheckStep, StepLog
from engine.checks.finding import other_domain
from engine.checks.fixes import Fix, use
from engine.core.clock import Clock
from engine.core.errors import Failure, Scope
from engine.core.selecting import selected
from engine.core.time_zones import known_time_zones
from engine.core.users import User, address_candidates
from engine.exchange.addresses import domain_of
from engine.exchange.errors import ImpersonationDenied, ImpersonationRightMissing, MailboxNotFound
from engine.exchange.graph.errors import (
    AccessPolicyExcludes,
    GraphAccessDenied,
    GraphPermissionMissing,
)
from engine.exchange.mailbox_zones import MailboxZone, ZoneSource, zone_named
from engine.exchange.source import CalendarSource, Mailbox, Window
from engine.settings.model import SiteSettings
from engine.sync.hold import NobodyTakesPart

AT_ONCE = 4
A_MINUTE = timedelta(minutes=1)
MOST_ZONES = 1000
"""Number of mailboxes whose time zones are asked for."""
NOBODY_FOUND = 4
"""Number of users without a mailbox, all those tried, after whom another mail domain is tried."""
LOOK = timedelta(days=1)


class Stage(StrEnum):
    """How far access goes: each stage needs the ones before it."""

    MAILBOX = "mailbox"
    RIGHT = "right"
    CALENDAR = "calendar"


_OF_RIGHTS = (
    *(ImpersonationDenied, ImpersonationRightMissing),
    *(GraphAccessDenied, GraphPermissionMissing, AccessPolicyExcludes),
)


@dataclass(frozen=True, slots=True)
class UserAccess:
    """What came of trying to read one user's calendar: the address of the mailbox, "" if none was found, and what
    failed at which stage, if anything did, else the `mailbox` itself."""

    user: User
    address: str = ""
    failure: Failure | None = None
    stage: Stage | None = None
    looked_for: tuple[str, ...] = ()
    mailbox: Mailbox | None = None

    @property
    def likely_address(self) -> str:
        """The address of the mailbox, else the first that was looked for, "" if there is none."""
        return self.address or next(iter(self.looked_for), "")


@dataclass(frozen=True, slots=True)
class Cause:
    """Users whose calendars cannot be read for the same reason. All of their failures have the words of the first."""

    failure: Failure
    stage: Stage
    those: tuple[UserAccess, ...]


class EverybodyCheck:
    """Tries to read the calendar of each of the `users` who take part by `settings`.

    `domain` is the system name of the PBX. Those who can be read by the results `before` are not tried again.
    `progressed` is called with the number of users done and the number of those in vain. After `run`, also a cancelled
    one, `results` are by guid, `fixes` are changes of settings that help those without a mailbox, and `zones` the time
    zones of mailboxes, each with their number, as far as Exchange tells them.
    """

    names = ("users", "access")

    def __init__(
        self,
        settings: SiteSettings,
        users: Sequence[User],
        domain: str,
        make_access: MakeAccess,
        clock: Clock,
        calendar_clock: Clock,
        progressed: Callable[[int, int], None],
        before: Mapping[str, UserAccess] | None = None,
    ) -> None:
        self._settings = settings
        self._all = users
        self._domain = domain
        self._make_access = make_access
        self._clock = clock
        self._calendar_clock = calendar_clock
        self._progressed = progressed
        self.users = selected(users, settings.pbx.users).taken
        known = {user.guid: before[user.guid] for user in self.users if before and user.guid in before}
        self.results = {guid: access for guid, access in known.items() if access.failure is None}
        self.fixes: tuple[Fix, ...] = ()
        self.zones: tuple[tuple[str, int], ...] = ()
        self._stopped_by: Failure | None = None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Why calendars cannot be read, the most frequent reason first."""
        alike: dict[tuple[str, str], list[UserAccess]] = {}
        for access in self.results.values():
            if access.failure is not None:
                alike.setdefault((access.failure.slug, access.failure.meaning), []).append(access)
        return tuple(
            sorted(
                (
                    Cause(those[0].failure, those[0].stage or Stage.CALENDAR, tuple(those))
                    for those in alike.values()
                    if those[0].failure is not None
                ),
                key=lambda cause: -len(cause.those),
            )
        )

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        await check_run.run("users", self._count)
        await check_run.run("access", self._try_all)
        return tuple(check_run.steps)

    async def _count(self, step_log: StepLog) -> None:
        step_log.evidence.append(f"{len(self.users)} of {len(self._all)} users take part")
        if not self.users:
            raise NobodyTakesPart(f"of {len(self._all)} users")

    async def _try_all(self, step_log: StepLog) -> None:
        access = self._make_access()
        waiting = deque(user for user in self.users if user.guid not in self.results)
        self._tell()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._try_some(access.source, waiting))
            if self._stopped_by is None:
                self.fixes = await self._other_domain(access.source)
            if self._stopped_by is None:
                await self._compare_zones(access.source, step_log)
        finally:
            await access.source.close()
        readable = sum(each.failure is None for each in self.results.values())
        step_log.evidence.append(f"{readable} of {len(self.users)} calendars can be read")
        step_log.evidence += [f"{len(cause.those)}: {cause.failure.meaning}" for cause in self.causes]
        step_log.fixes += self.fixes
        step_log.field = "pbx.domain" if self.fixes else None
        if self._stopped_by is not None:
            raise self._stopped_by
        if self.fixes:  # with another mail domain more can be read, so it has not passed whatever can be
            raise next(cause.failure for cause in self.causes if isinstance(cause.failure, MailboxNotFound))
        if not readable:
            raise self.causes[0].failure

    async def _try_some(self, source: CalendarSource, waiting: deque[User]) -> None:
        """Try users one after the other; a failure that concerns all of them ends it."""
        while waiting and self._stopped_by is None:
            user = waiting.popleft()
            access = await self._tried(source, user)
            self.results[user.guid] = access
            self._tell()
            if access.failure is not None and access.failure.scope is not Scope.USER:
                self._stopped_by = access.failure
            elif len(self.results) == NOBODY_FOUND and not any(each.address for each in self.results.values()):
                # Each of the others would cost a whole search for Exchange, and be in vain.
                self.fixes = await self._other_domain(source)
                self._stopped_by = access.failure if self.fixes else None

    async def _tried(self, source: CalendarSource, user: User) -> UserAccess:
        candidates = address_candidates(user, self._domain, self._settings.exchange.candidate_order)
        access = UserAccess(user, looked_for=candidates)
        failure: Failure | None
        try:
            mailbox = await source.resolve(candidates)
            access = replace(access, address=mailbox.address)
            now = self._calendar_clock.now()
            await source.read_window(mailbox, Window(now - LOOK, now + LOOK))
            failure = source.limitation(mailbox)
        except Failure as caught:
            failure = caught
        if failure is None:
            return replace(access, mailbox=mailbox)
        return replace(access, failure=failure, stage=_stage_of(failure, access.address))

    def _tell(self) -> None:
        self._progressed(len(self.results), sum(each.failure is not None for each in self.results.values()))

    async def _compare_zones(self, source: CalendarSource, step_log: StepLog) -> None:
        """Compare the zones of the mailboxes with that of the notes; that they are not told is no failure."""
        mailboxes = [each.mailbox for each in self.results.values() if each.mailbox is not None]
        if not isinstance(source, ZoneSource) or not mailboxes:
            return
        now = self._calendar_clock.now()
        found: Mapping[str, MailboxZone] = {}
        with contextlib.suppress(Failure):
            found = await source.zones(mailboxes[:MOST_ZONES], Window(now, now + A_MINUTE))
        site = zone_named(self._settings.presence.timezone.key, now.year)
        counted = Counter(str(site) if zone.is_like(site) else str(zone) for zone in found.values())
        self.zones = tuple(counted.most_common())
        if self.zones:
            told = ", ".join(f"{count} {name}" for name, count in self.zones)
            step_log.evidence.append(f"time zones of the mailboxes: {told}; notes are in {site}")
            usual = self.zones[0][0]
            if usual in known_time_zones() and usual != str(site):
                step_log.fixes.append(use("presence.timezone", usual))

    async def _other_domain(self, source: CalendarSource) -> tuple[Fix, ...]:
        """Return the fix that sets another domain for names, if users without a mailbox have one there."""
        missing = [
            f"{each.user.name.partition('@')[0]}@{self._domain}"
            for each in self.results.values()
            if isinstance(each.failure, MailboxNotFound) and each.user.name
        ]
        known = Counter(domain_of(each.address).casefold() for each in self.results.values() if each.address)
        if known[self._domain.casefold()] > len(missing):
            return ()  # most users have their mailboxes in the domain that is set
        domains = dict.fromkeys((domain_of(self._settings.exchange.user), *(name for name, _ in known.most_common(1))))
        for domain in domains:
            if (fix := await other_domain(source, missing, domain)) is not None:
                return (fix,)
        return ()


def _stage_of(failure: Failure, address: str) -> Stage:
    if isinstance(failure, _OF_RIGHTS):
        return Stage.RIGHT
    return Stage.CALENDAR if address else Stage.MAILBOX
