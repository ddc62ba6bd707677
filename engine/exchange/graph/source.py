"""The calendar source for Microsoft Graph, which is polled: it notifies only servers that it can reach."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from time import perf_counter

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.core.tenant import TenantFacts, nothing_learned
from engine.exchange.addresses import smtp_address
from engine.exchange.errors import ExchangeFailure, ExchangeSlow, MailboxNotFound
from engine.exchange.graph.batch import PARTS
from engine.exchange.graph.batches import Batches
from engine.exchange.graph.client import GraphClient, Http
from engine.exchange.graph.errors import UserNameUnknown
from engine.exchange.graph.locator import MailboxLocator
from engine.exchange.graph.readers import A_MINUTE, CalendarReader, ScheduleReader
from engine.exchange.graph.requests import SCHEDULES_OF_A_REQUEST, get_schedule, path_of, user_in
from engine.exchange.graph.schedules import zones_of
from engine.exchange.graph.throttle import AT_FIRST, Throttle
from engine.exchange.mailbox_zones import MailboxZone, portions, zone_named
from engine.exchange.retry import WITH_LESS
from engine.exchange.source import ChangeCallback, Mailbox, SubscriptionStatus, Window
from engine.settings.clouds import WORLDWIDE, graph_root
from engine.settings.model import ExchangeSettings, Mode

_OK = 200
NO_NOTIFICATIONS = "Microsoft Graph is asked for changes every exchange.poll_seconds"


class GraphSource:
    """Implements `CalendarSource` for Microsoft Graph. It owns `http` and closes it; `clock` is the network clock.

    Subjects are requested only `with_subjects`, organizers only if there is an `exception_organizer` to compare them
    with. `timer` returns monotonic seconds, `facts` what is known of the tenant.
    """

    def __init__(
        self,
        settings: ExchangeSettings,
        *,
        with_subjects: bool,
        exception_organizer: str | None,
        http: Http,
        clock: Clock,
        random: Random,
        timer: Callable[[], float] = perf_counter,
        facts: Callable[[], TenantFacts] = nothing_learned,
    ) -> None:
        url = graph_root(settings.authority, settings.graph_url) or f"https://{WORLDWIDE.graph}"
        self._clock = clock
        self._throttle = Throttle(settings.connections, clock, random, facts().batches_at_once or AT_FIRST)
        self._client = GraphClient(http, url, self._throttle, clock, timer)
        self._root = self._client.root
        batches = Batches(self._client, self._throttle, clock)
        self._schedules = ScheduleReader(batches, clock, facts)
        self._calendars: CalendarReader | None = None
        if settings.mode is Mode.DETAILS:
            self._calendars = CalendarReader(
                batches,
                self._root,
                with_subjects=with_subjects,
                with_organizers=bool(exception_organizer),
                facts=facts,
            )
        self._locator = MailboxLocator(batches, self._schedules, self._root, clock, facts)
        self._limited: dict[str, tuple[UserNameUnknown, datetime]] = {}

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one.

        After an address without a mailbox the next one is tried; any other failure ends the search, so that a problem
        with the right mailbox never leads to another one. Raises `MailboxNotFound` with the addresses that were tried.
        """
        addresses = {each.rstrip("."): address for each in candidates if (address := smtp_address(each))}
        if not addresses:
            raise MailboxNotFound("none of its addresses is an e-mail address" if candidates else "it has no address")
        without: list[str] = []
        for candidate, address in addresses.items():
            try:
                return await self._locate(candidate, address)
            except MailboxNotFound as failure:
                without.append(failure.detail)
        raise MailboxNotFound("; ".join(without))

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        if self._calendars is None or self.limitation(mailbox) is not None:
            return await self._schedules.read(mailbox.address, window)
        user = user_in(mailbox.url)
        found = await self._calendars.read(user, window)
        self._schedules.was_read(user)
        return found

    async def zones(self, mailboxes: Sequence[Mailbox], window: Window) -> Mapping[str, MailboxZone]:
        """Implements `ZoneSource`."""
        found: dict[str, MailboxZone] = {}
        for some in portions(mailboxes, SCHEDULES_OF_A_REQUEST):
            addresses = [each.address for each in some]
            answer = (await self._client.send(get_schedule(user_in(some[0].url), addresses, window))).answer
            if answer.status == _OK:
                names = zones_of(answer.body, addresses)
                found |= {address: zone_named(name, window.start.year) for address, name in names.items()}
        return found

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Return the mailbox; one whose user was unknown is looked for again every hour."""
        limited = self._limited.get(mailbox.address)
        if limited is None or self._clock.now() < limited[1]:
            return mailbox
        return await self.resolve([mailbox.found_by])

    def unwatch(self, mailbox: Mailbox) -> None:
        """Forget what is known of a mailbox."""
        self._limited.pop(mailbox.address, None)

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Return False: there are no notifications."""
        return False

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why only free/busy times of this mailbox are read, None if that is not so."""
        limited = self._limited.get(mailbox.address)
        return limited and limited[0]

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        """Return why a mailbox is not watched."""
        return SubscriptionStatus(why_not=NO_NOTIFICATIONS)

    async def run(self, tell: ChangeCallback) -> None:
        """Wait until cancelled: there are no notifications."""
        await asyncio.get_running_loop().create_future()

    def share_with(self, engines: int) -> None:
        """Implements `SharingSource`."""
        self._throttle.share_with(engines)

    @property
    def reads_at_once(self) -> int:
        """The number of windows worth reading at once: as many mailboxes as fit into all batches under way."""
        mailboxes = 1 if self._calendars is not None else SCHEDULES_OF_A_REQUEST
        return self._throttle.at_once * PARTS * mailboxes

    @property
    def heeds_quiet_hours(self) -> bool:
        """True: every mailbox is polled, day and night."""
        return True

    @property
    def restriction(self) -> ExchangeFailure | None:
        """None: everything that the settings ask for is read, or nothing."""
        return None

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """Conditions that delay presences although everything works."""
        seconds = self._client.slow_median()
        if seconds is None:
            return ()
        return (ExchangeSlow(f"half of the answers of Microsoft Graph take more than {seconds:.1f} seconds", seconds),)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _locate(self, candidate: str, address: str) -> Mailbox:
        if self._calendars is None:
            await self._schedules.read(address, A_MINUTE)
            return Mailbox(address, f"{self._root}{path_of(address)}", found_by=candidate)
        try:
            mailbox = await self._locator.locate(candidate, address)
        except UserNameUnknown as limitation:
            self._limited[address] = limitation, self._clock.now() + WITH_LESS
            return Mailbox(address, f"{self._root}{path_of(address)}", found_by=candidate)
        self._limited.pop(address, None)
        return mailbox
