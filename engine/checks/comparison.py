"""Compares what the PBX shows now with what the engine would write, user by user, before anything is written."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from engine.core.clock import Clock
from engine.core.errors import Failure, Scope
from engine.core.presence import CLEARED, Presence, PresenceSettings, decide
from engine.core.users import User, address_candidates
from engine.exchange.source import CalendarSource, Mailbox
from engine.pbx.entries import BY_HAND, PresenceEntry, presence_of
from engine.pbx.errors import PbxFailure, PbxUnreachable
from engine.settings.model import SiteSettings
from engine.sync.pace import Pace
from engine.sync.participants import Reading
from engine.sync.reading import candidates_after, cover_of, read_calendar, read_first

READS_PER_SECOND = 20.0
"""Presences read from the PBX: no more than a running engine reads back."""

AT_ONCE = 8

ReadEntries = Callable[[str], Awaitable[tuple[PresenceEntry, ...]]]
WouldBe = Callable[[User], Awaitable[tuple[Presence | None, Failure | None]]]
"""Returns what would be written for a user, None if that is not known, and the problem of the calendar. Raises a
`Failure` that concerns everybody."""


class Difference(StrEnum):
    """Whether a user would show something else; nothing is written for one who is left as is."""

    DIFFERS = "differs"
    SAME = "same"
    LEFT = "left"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ComparedUser:
    """A user with the presences in the PBX, None if it did not tell, and the one that would be written, None if none
    would; `failure` is why either is unknown. `contact` is the one that is written."""

    user: User
    contact: str
    entries: tuple[PresenceEntry, ...] | None = None
    would_be: Presence | None = None
    failure: Failure | None = None

    @property
    def now(self) -> Presence | None:
        """The presence that the PBX shows: the newest of any origin."""
        if self.entries is None:
            return None
        return self.entries[0].presence if self.entries else CLEARED

    @property
    def ours(self) -> Presence | None:
        """The presence under the contact that is written."""
        return None if self.entries is None else presence_of(self.entries, self.contact) or CLEARED

    @property
    def by_hand(self) -> Presence | None:
        """The presence that the user has chosen, None if none."""
        chosen = presence_of(self.entries or (), BY_HAND)
        return None if chosen == CLEARED or self.contact == BY_HAND else chosen

    @property
    def difference(self) -> Difference:
        """Whether the user would show something else."""
        if self.entries is None:
            return Difference.UNKNOWN
        if self.failure is not None and (self.would_be is None or self.would_be == self.ours == CLEARED):
            return Difference.LEFT
        if self.would_be is None:
            return Difference.UNKNOWN
        return Difference.SAME if self.would_be == self.ours else Difference.DIFFERS


@dataclass(slots=True)
class PbxComparison:
    """The comparison as far as it has come: of `users`, the `compared` ones. `stopped_by` is why it could not go on."""

    contact: str
    users: int = 0
    compared: list[ComparedUser] = field(default_factory=list)
    failed: int = 0
    stopped_by: Failure | None = None

    async def run(
        self,
        users: Iterable[User],
        read_entries: ReadEntries,
        would_be: WouldBe,
        clock: Clock,
        progressed: Callable[[int, int], None],
    ) -> None:
        """Compare `users`; a failure that concerns more than one of them ends it. `clock` is the network clock."""
        everybody = tuple(users)
        self.users = len(everybody)
        waiting, pace = iter(everybody), Pace(READS_PER_SECOND, clock)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._compare_some(waiting, read_entries, would_be, pace, progressed))

    async def _compare_some(
        self,
        waiting: Iterator[User],
        read_entries: ReadEntries,
        would_be: WouldBe,
        pace: Pace,
        progressed: Callable[[int, int], None],
    ) -> None:
        for user in waiting:
            await pace.take()
            compared = await self._compare(user, read_entries, would_be)
            if self.stopped_by is not None:
                return
            self.compared.append(compared)
            self.failed += compared.failure is not None
            progressed(len(self.compared), self.failed)

    async def _compare(self, user: User, read_entries: ReadEntries, would_be: WouldBe) -> ComparedUser:
        entries: tuple[PresenceEntry, ...] | None = None
        wanted: Presence | None = None
        failure: Failure | None = None
        try:
            entries = await read_entries(user.name) if user.name else ()
        except PbxUnreachable as lost:
            self.stopped_by = self.stopped_by or lost
        except PbxFailure as refused:
            return ComparedUser(user, self.contact, failure=refused)
        try:
            wanted, failure = (None, None) if self.stopped_by is not None else await would_be(user)
        except Failure as unread:
            self.stopped_by = self.stopped_by or unread
        return ComparedUser(user, self.contact, entries, wanted, failure)


class CalendarDecisions:
    """Decides presences by calendars that are read for it: what an engine with these settings would write now.

    `domain` is the system name of the PBX, `clock` calendar time.
    """

    def __init__(self, settings: SiteSettings, source: CalendarSource, domain: str, clock: Clock) -> None:
        self._settings = settings
        self._source = source
        self._domain = domain
        self._clock = clock

    async def would_be(self, user: User) -> tuple[Presence | None, Failure | None]:
        """Return what would be written for a user, or why nothing would. Raises a failure of the whole service."""
        try:
            return await self._decided(user), None
        except Failure as failure:
            if failure.scope is Scope.SERVICE:
                raise
            return None, failure

    async def _decided(self, user: User) -> Presence:
        presence: PresenceSettings = self._settings.presence
        candidates = address_candidates(user, self._domain, self._settings.exchange.candidate_order)
        mailbox = await self._source.resolve(candidates)
        now, cover = self._clock.now(), cover_of(presence)

        async def read(other: Mailbox) -> tuple[Mailbox, Reading]:
            return other, await read_calendar(self._source, other, now, cover)

        _, reading = await read_first(self._source, mailbox, candidates_after(mailbox, candidates), read)
        return decide(reading.appointments, presence, now).presence
