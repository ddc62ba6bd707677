"""EWS of Exchange Online until it is switched off, and then Microsoft Graph, with the same application.

Microsoft switches EWS off tenant by tenant. When it has done so (`EwsSwitchedOff` for many mailboxes at once, or
`CloudEwsEnded`), calendars are read by Graph, and a concern says so until exchange.type is changed. There is no way
back while the engine runs: EWS ends anyway, and a tenant that is switched off and on again would have all mailboxes
looked up each time. After a restart EWS is tried first.

Until Graph has read a calendar, a failure of Graph as a whole is shown as what it is: EWS is switched off, and Graph
says that it does not work either. Graph is tried again after `NEXT_TRY`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.exchange.errors import CloudEwsEnded, EwsSwitchedOff, ExchangeFailure, GraphInsteadOfEws
from engine.exchange.retry import Concerns, policy_of
from engine.exchange.source import (
    CalendarSource,
    ChangeCallback,
    Mailbox,
    SharingSource,
    SubscriptionStatus,
    Window,
)

T = TypeVar("T")

NEXT_TRY = timedelta(hours=1)
_OFF = (EwsSwitchedOff, CloudEwsEnded)


class FallbackSource:
    """Implements `CalendarSource` and `ReplaceableSource` by two others, both of which it closes.

    `graph_url` is the URL that those of all mailboxes of `graph` begin with; `clock` is the network clock.
    """

    def __init__(self, ews: CalendarSource, graph: CalendarSource, *, graph_url: str, clock: Clock) -> None:
        self._ews = ews
        self._graph = graph
        self._graph_url = f"{graph_url.rstrip('/')}/"
        self._clock = clock
        self._not_before = clock.now()
        self._reason: ExchangeFailure | None = None
        self._graph_works = False
        self._graph_said = ""

    @property
    def _present(self) -> CalendarSource:
        return self._ews if self._reason is None else self._graph

    def goes_on_after(self, failure: ExchangeFailure) -> bool:
        """Implements `ReplaceableSource`: by Graph, when EWS is switched off."""
        if not isinstance(failure, _OFF):
            return False
        # Requests to EWS may still have been under way.
        if self._reason is None and self._clock.now() >= self._not_before:
            self._reason = failure
        return self._reason is not None

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one."""
        return await self._tried(lambda source: source.resolve(candidates))

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        return await self._tried(lambda source: self._read(source, mailbox, window))

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Return the mailbox with its present location, in Graph for one that was found by EWS."""
        return await self._tried(lambda source: self._watch(source, mailbox))

    def unwatch(self, mailbox: Mailbox) -> None:
        """Stop watching a mailbox."""
        self._present.unwatch(mailbox)

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Return whether notifications for this mailbox are active."""
        return self._present.is_watched(mailbox)

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why less is known of this mailbox than of others although it was read, None if that is not so."""
        return self._present.limitation(mailbox)

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        """Return whether and how a mailbox is watched, or why not."""
        return self._present.following(mailbox)

    async def run(self, tell: ChangeCallback) -> None:
        """Listen for changes by EWS until cancelled; Graph notifies of none."""
        await self._ews.run(tell)

    def share_with(self, engines: int) -> None:
        """Implements `SharingSource`."""
        for source in (self._ews, self._graph):
            if isinstance(source, SharingSource):
                source.share_with(engines)

    @property
    def reads_at_once(self) -> int:
        """The number of windows worth reading at once; it may change."""
        return self._present.reads_at_once

    @property
    def heeds_quiet_hours(self) -> bool:
        """As of EWS, which the settings name."""
        return self._ews.heeds_quiet_hours

    @property
    def restriction(self) -> ExchangeFailure | None:
        """The failure because of which less is read than the settings ask for, None if everything is read."""
        return self._present.restriction

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """Conditions that an administrator should know of: that Graph is used, and those of the source in use."""
        replaced = () if self._reason is None else (GraphInsteadOfEws(self._reason.detail),)
        return (*replaced, *self._present.concerns)

    async def close(self) -> None:
        """Close all connections."""
        try:
            await self._ews.close()
        finally:
            await self._graph.close()

    async def _read(self, source: CalendarSource, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        found = await source.read_window(await self._located(source, mailbox), window)
        self._graph_works = self._graph_works or source is self._graph
        return found

    async def _watch(self, source: CalendarSource, mailbox: Mailbox) -> Mailbox:
        return await source.watch(await self._located(source, mailbox))

    async def _located(self, source: CalendarSource, mailbox: Mailbox) -> Mailbox:
        """Return the mailbox as the source knows it: one that was found by EWS is looked for in Graph."""
        if source is self._ews or mailbox.url.startswith(self._graph_url):
            return mailbox
        self._ews.unwatch(mailbox)
        return await self._graph.resolve(list(dict.fromkeys((mailbox.address, mailbox.found_by or mailbox.address))))

    async def _tried(self, ask: Callable[[CalendarSource], Awaitable[T]]) -> T:
        """Return the answer of the source in use; what was under way by EWS when it was switched off is asked of Graph.

        A failure of Graph as a whole is that of EWS, as long as Graph has never worked.
        """
        reason = self._reason
        try:
            return await ask(self._present)
        except ExchangeFailure as failure:
            if reason is None and isinstance(failure, _OFF):
                if self._reason is not None:
                    return await self._tried(ask)
                if self._graph_said:
                    raise _neither(failure, self._graph_said) from failure
            is_of_all = policy_of(type(failure)).concerns is Concerns.EVERYBODY
            if reason is None or self._graph_works or not is_of_all:
                raise
            self._reason, self._not_before = None, self._clock.now() + NEXT_TRY
            self._graph_said = str(failure)
            raise _neither(reason, self._graph_said) from failure


def _neither(reason: ExchangeFailure, graph_said: str) -> ExchangeFailure:
    return type(reason)(f"{reason.detail}; by Microsoft Graph: {graph_said}".lstrip("; "))
