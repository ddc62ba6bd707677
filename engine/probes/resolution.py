"""A dry run over everybody who would take part: who has a mailbox, and why the others have none."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from engine.core.clock import Clock
from engine.core.failures import Failure, Scope
from engine.core.users import CandidateOrder, User, UserSelection, address_candidates
from engine.exchange.source import CalendarSource, Mailbox
from engine.probes.exchange import MakeAccess
from engine.probes.failures import NobodyTakesPart
from engine.probes.ladder import Footing, Ladder, Rung

AT_ONCE = 8
NAMED = 100
"""How many users without a mailbox are told by name."""


class ResolutionProbe:
    """Looks for the mailboxes of those of `users` that `selection` lets take part. `clock` is the network clock.

    After `run`, `mailboxes` has those that were found, by the guid of the user. `progressed` hears how many are done,
    and for how many of them there is none.
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

    async def run(self, report: Callable[[Rung], None]) -> tuple[Rung, ...]:
        """Climb, and return all rungs."""
        ladder = Ladder(self.names, report, self._clock)
        await ladder.climb("users", self._count)
        await ladder.climb("resolution", self._resolve_all)
        return tuple(ladder.rungs)

    async def _count(self, footing: Footing) -> None:
        footing.evidence.append(f"{len(self.users)} of {len(self._all)} users take part")
        if not self.users:
            raise NobodyTakesPart(f"of {len(self._all)} users")

    async def _resolve_all(self, footing: Footing) -> None:
        source = self._make_access().source
        try:
            waiting = deque(self.users)
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._resolve_some(source, waiting))
        finally:
            await source.close()
        footing.evidence.append(f"{len(self.mailboxes)} of {len(self.users)} users have a mailbox")
        footing.add_troubles((user.label, failure) for user, failure in self._without[:NAMED])
        if len(self._without) > NAMED:
            footing.evidence.append(f"and {len(self._without) - NAMED} more")
        if self._stopped_by is not None:
            raise self._stopped_by
        if not self.mailboxes:
            raise self._without[0][1]

    async def _resolve_some(self, source: CalendarSource, waiting: deque[User]) -> None:
        """What concerns everybody ends it for everybody."""
        while waiting and self._stopped_by is None:
            user = waiting.popleft()
            try:
                self.mailboxes[user.guid] = await source.resolve(address_candidates(user, self._domain, self._order))
            except Failure as failure:
                if failure.scope is not Scope.USER:
                    self._stopped_by = failure
                self._without.append((user, failure))
            self._progressed(len(self.mailboxes) + len(self._without), len(self._without))
