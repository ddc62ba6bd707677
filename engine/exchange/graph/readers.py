"""Readers of calendars: full appointments by calendarView, and free/busy times by getSchedule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.core.tenant import MissingMailbox, TenantFacts, nothing_learned
from engine.exchange.errors import ExchangeFailure, MailboxNotFound
from engine.exchange.graph.batch import GraphAnswer
from engine.exchange.graph.batches import Batches
from engine.exchange.graph.error_codes import failure_of
from engine.exchange.graph.errors import AccessPolicyExcludes, GraphAccessDenied, MailboxNotOnline
from engine.exchange.graph.events import CalendarView
from engine.exchange.graph.gathering import Gatherer
from engine.exchange.graph.requests import (
    SCHEDULES_OF_A_REQUEST,
    calendar_view,
    get_schedule,
    next_page,
)
from engine.exchange.graph.schedules import Schedule, schedules
from engine.exchange.source import Window

A_MINUTE = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, 0, 1, tzinfo=UTC))
"""Whether a calendar can be read is found out by reading any window of it."""

_OK = 200
NO_ANCHOR = (MailboxNotFound, MailboxNotOnline, GraphAccessDenied, AccessPolicyExcludes)
"""Failures of a mailbox in whose name no free/busy times can be requested."""


def content(answer: GraphAnswer, about: str, missing: MissingMailbox | None = None) -> bytes:
    """Return the body of an answer. Raises the failure of any status but 200; `missing` is for `failure_of`."""
    if answer.status != _OK:
        raise failure_of(answer, about, missing=missing)
    return answer.body


class CalendarReader:
    """Reads appointments with or without subjects, and the organizers of tentative ones only if `with_organizers`.

    `root` is the URL of Graph with the version, `facts` returns what is known of the tenant.
    """

    def __init__(
        self,
        batches: Batches,
        root: str,
        *,
        with_subjects: bool,
        with_organizers: bool,
        facts: Callable[[], TenantFacts] = nothing_learned,
    ) -> None:
        self._batches = batches
        self._root = root
        self._facts = facts
        self._with_subjects = with_subjects
        self._with_organizers = with_organizers

    async def read(self, user: str, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment of a user (object id or user principal name) that overlaps `window`."""
        view = CalendarView(self._root, with_subjects=self._with_subjects)
        request = calendar_view(user, window, with_subjects=self._with_subjects, with_organizers=self._with_organizers)
        while True:
            following = view.add(content(await self._batches.ask(user, request), user, self._facts().missing_mailbox))
            if following is None:
                return view.appointments
            request = next_page(following)


class ScheduleReader:
    """Reads free/busy times, of up to 20 addresses in one request. `clock` is the network clock, `facts` returns what
    is known of the tenant.

    A request is made in the name of a mailbox that the application may read, its anchor, and is throttled with it. So
    that is the first of the addresses of the request that can be one, or else a mailbox that was read before.
    """

    def __init__(self, batches: Batches, clock: Clock, facts: Callable[[], TenantFacts] = nothing_learned) -> None:
        self._batches = batches
        self._facts = facts
        self._gatherer = Gatherer[Window, Schedule](SCHEDULES_OF_A_REQUEST, self._ask, clock)
        self._no_anchors: set[str] = set()
        self._anchor = ""

    def was_read(self, user: str) -> None:
        """Note that this user's mailbox can be an anchor."""
        self._anchor = user

    async def knows(self, address: str) -> bool:
        """Return whether there is a mailbox with this address, which cannot be an anchor itself.

        False as long as no mailbox was read that can be one.
        """
        self._no_anchors.add(address.casefold())
        if not self._anchor:
            return False
        try:
            await self.read(address, A_MINUTE)
        except MailboxNotFound:
            return False
        return True

    async def read(self, address: str, window: Window) -> tuple[Appointment, ...]:
        """Return the times and free/busy states of an address that overlap `window`."""
        schedule = await self._gatherer.ask(address.casefold(), window)
        if isinstance(schedule, ExchangeFailure):
            raise schedule
        return tuple(each for each in schedule if not each.is_understood or _overlaps(each, window))

    async def _ask(self, windows: Mapping[str, Window]) -> Mapping[str, Schedule]:
        addresses = tuple(windows)
        window = Window(min(each.start for each in windows.values()), max(each.end for each in windows.values()))
        failure: ExchangeFailure | None = None
        for anchor in self._anchors(addresses):
            answer = await self._batches.ask(anchor, get_schedule(anchor, addresses, window))
            if answer.status == _OK:
                self._no_anchors.discard(anchor)
                self._anchor = anchor
                return schedules(answer.body, addresses, window)
            failure = failure_of(answer, anchor, missing=self._facts().missing_mailbox)
            if not isinstance(failure, NO_ANCHOR):
                raise failure
            self._no_anchors.add(anchor)
        raise failure or MailboxNotFound(", ".join(addresses))

    def _anchors(self, addresses: Sequence[str]) -> Iterator[str]:
        """Yield the anchors to try: those that have never failed, the one that worked last, then the others."""
        yield from (each for each in addresses if each not in self._no_anchors)
        if self._anchor and self._anchor not in addresses:
            yield self._anchor
        yield from (each for each in addresses if each in self._no_anchors)


def _overlaps(appointment: Appointment, window: Window) -> bool:
    return appointment.start < window.end and appointment.end > window.start
