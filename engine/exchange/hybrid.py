"""Two calendar sources for one organisation: some of its mailboxes are on premises, the others in Exchange Online.

A mailbox is in one of the two halves, and its URL says in which (`HybridSource.of`, the only place that decides it).
For each address both halves are asked before the next address is tried, so that an address that comes later never wins
over the mailbox of an earlier one. "Not here" from one half (`RetryPolicy.elsewhere`) is no result yet: only what both
halves say is (`nowhere`). If a half cannot be asked, its failure is the result, and never that there is no mailbox.

Whoever reads many mailboxes reads each half by itself (`HybridSource.halves`), with pauses, limits and availability of
its own, so that a half that fails or is slow delays nobody of the other: `engine.sync.hybrid_calendars`.
"""

import asyncio
from collections.abc import Mapping, Sequence

from engine.core.appointments import Appointment
from engine.exchange.errors import ExchangeFailure, MailboxMoved, MailboxNotFound
from engine.exchange.graph.errors import MailboxNotOnline
from engine.exchange.mailbox_zones import MailboxZone, ZoneSource
from engine.exchange.retry import policy_of
from engine.exchange.source import (
    CalendarSource,
    ChangeCallback,
    Mailbox,
    SharingSource,
    SubscriptionStatus,
    Window,
)


class HybridSource:
    """Implements `CalendarSource` by two others, both of which it closes.

    `online_url` is the URL that those of all mailboxes of `online` begin with.
    """

    def __init__(self, on_premises: CalendarSource, online: CalendarSource, *, online_url: str) -> None:
        self.on_premises = on_premises
        self.online = online
        self._online_url = f"{online_url.rstrip('/')}/"

    @property
    def halves(self) -> tuple[CalendarSource, CalendarSource]:
        """The two sources, in the order in which they are asked for a mailbox."""
        return self.on_premises, self.online

    def of(self, mailbox: Mailbox) -> CalendarSource:
        """Return the source that a mailbox belongs to."""
        return self.online if mailbox.url.startswith(self._online_url) else self.on_premises

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one in either half.

        Raises what both halves say if there is none, and at once what a half fails with that cannot be asked.
        """
        answers: list[ExchangeFailure] = []
        for number in range(max(1, len(candidates))):
            for source in self.halves:
                try:
                    return await source.resolve(candidates[number : number + 1])
                except ExchangeFailure as failure:
                    if not policy_of(type(failure)).elsewhere:
                        raise
                    answers.append(failure)
            if not all(map(is_absence, answers)):
                break
        raise nowhere(answers)

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        return await self.of(mailbox).read_window(mailbox, window)

    async def zones(self, mailboxes: Sequence[Mailbox], window: Window) -> Mapping[str, MailboxZone]:
        """Implements `ZoneSource` by those halves that do."""
        found: dict[str, MailboxZone] = {}
        for source in self.halves:
            its_own = [each for each in mailboxes if self.of(each) is source]
            if its_own and isinstance(source, ZoneSource):
                found |= await source.zones(its_own, window)
        return found

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Begin to watch a mailbox, if it is not watched yet, and return its present location."""
        return await self.of(mailbox).watch(mailbox)

    def unwatch(self, mailbox: Mailbox) -> None:
        """Stop watching a mailbox."""
        self.of(mailbox).unwatch(mailbox)

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Return whether notifications for this mailbox are active."""
        return self.of(mailbox).is_watched(mailbox)

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why less is known of this mailbox than of others although it was read, None if that is not so."""
        return self.of(mailbox).limitation(mailbox)

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        """Return whether and how a mailbox is watched, or why not."""
        return self.of(mailbox).following(mailbox)

    async def run(self, tell: ChangeCallback) -> None:
        """Listen for changes in both halves until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.halves:
                group.create_task(source.run(tell))

    def share_with(self, engines: int) -> None:
        """Implements `SharingSource`."""
        for source in self.halves:
            if isinstance(source, SharingSource):
                source.share_with(engines)

    @property
    def reads_at_once(self) -> int:
        """The number of windows worth reading at once, in both halves together."""
        return sum(source.reads_at_once for source in self.halves)

    @property
    def heeds_quiet_hours(self) -> bool:
        """Whether both halves are read less often in quiet hours."""
        return all(source.heeds_quiet_hours for source in self.halves)

    @property
    def restriction(self) -> ExchangeFailure | None:
        """The failure because of which less is read in one half, None if everything is read."""
        return next((source.restriction for source in self.halves if source.restriction is not None), None)

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """Conditions that delay presences although everything works; of each half at most one of each kind."""
        return tuple(failure for source in self.halves for failure in source.concerns)

    async def close(self) -> None:
        """Close all connections."""
        try:
            await self.on_premises.close()
        finally:
            await self.online.close()


def is_absence(failure: ExchangeFailure) -> bool:
    """Return whether a failure says that a half does not have the mailbox, not that it refuses it."""
    return isinstance(failure, (MailboxNotFound, MailboxNotOnline, MailboxMoved))


def nowhere(answers: Sequence[ExchangeFailure]) -> ExchangeFailure:
    """Return what the answers for the addresses of a user amount to, if no half has a mailbox that can be read: the
    first refusal, else that there is no mailbox."""
    refusal = next((each for each in answers if not is_absence(each)), None)
    if refusal is not None:
        return refusal
    return MailboxNotFound(
        "; ".join(dict.fromkeys(each.detail for each in answers)),
        confidential="; ".join(dict.fromkeys(each.confidential for each in answers if each.confidential)),
    )
