"""The calendar source for Exchange Web Services, with its limit on requests."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from time import perf_counter
from types import MappingProxyType

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.exchange.addresses import is_smtp_address, smtp_address
from engine.exchange.errors import (
    ExchangeFailure,
    ExchangeSlow,
    ImpersonationDenied,
    ImpersonationRightMissing,
    MailboxAtAnotherUrl,
    MailboxElsewhere,
    MailboxMoved,
    MailboxNotFound,
    MailboxRationed,
    NotificationsRefused,
    NotPrimaryAddress,
)
from engine.exchange.ews.availability import MOST_MAILBOXES, get_user_availability, zone_of_working_hours
from engine.exchange.ews.client import EwsClient, Http, HttpAnswer, HttpStream
from engine.exchange.ews.locator import MailboxLocator
from engine.exchange.ews.ownership import Ownership
from engine.exchange.ews.readers import CalendarReader, FallbackReader, FreeBusyReader, Reader
from engine.exchange.ews.soap import Impersonation
from engine.exchange.ews.streaming.subscriptions import Watcher
from engine.exchange.ews.throttle import Throttle
from engine.exchange.mailbox_zones import MailboxZone, portions
from engine.exchange.retry import Forgets, WithLess, policy_of
from engine.exchange.source import ChangeCallback, Mailbox, SubscriptionStatus, Window
from engine.settings.model import ExchangeSettings, ExchangeType, Mode, ResolveWith


class RationedHttp:
    """Implements `Http` with a limit: each request counts for the mailbox in its X-AnchorMailbox and waits if
    necessary.

    `http` is owned by the caller and not closed.
    """

    def __init__(self, http: Http, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
    ) -> HttpAnswer:
        """Implements `Http`."""
        await self._throttle.ration(url, headers.get("X-AnchorMailbox"))
        return await self._http.post(url, body, headers, asked=asked)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[HttpStream]:
        """Implements `Http`."""
        await self._throttle.ration(url, headers.get("X-AnchorMailbox"))
        async with self._http.stream(url, body, headers) as stream:
            yield stream

    async def get_anonymously(self, url: str) -> HttpAnswer:
        """Implements `Http`."""
        await self._throttle.ration(url, None)
        return await self._http.get_anonymously(url)

    async def close(self) -> None:
        """Implements `Http`."""


OWN_CONNECTIONS: Mapping[ExchangeType, int] = MappingProxyType({ExchangeType.ON_PREMISES: 3, ExchangeType.CLOUD_EWS: 0})
"""Hanging connections in the service account's own name: even the oldest server grants three (HangingConnectionLimit,
Exchange 2013), and none to an application, which has no mailbox of its own."""

NO_NOTIFICATIONS = "exchange.mode is free-busy, for which there are no notifications"


class EwsSource:
    """Implements `CalendarSource` for EWS. It owns `http` and closes it; `clock` is the network clock.

    Subjects are requested only `with_subjects`. Organizers are requested only of tentative appointments, and only
    if there is an `exception_organizer` to compare them with. `timer` returns monotonic seconds.
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
    ) -> None:
        self._http = http
        own_address = settings.user if is_smtp_address(settings.user) else ""
        self._throttle = Throttle(settings.connections, clock, random)
        self._client = EwsClient(http, own_address, self._throttle, timer)
        self._endpoint = MailboxLocator(settings, RationedHttp(http, self._throttle), clock)
        self._as_candidates = settings.resolve_with is ResolveWith.CANDIDATES
        self._ews_url_is_fixed = settings.ews_url is not None and settings.type is ExchangeType.ON_PREMISES
        self._connections = self._connections_of_all = settings.connections
        self._reader = _reader(settings, self._client, clock, with_subjects, bool(exception_organizer))
        self._may_subscribe = settings.mode is Mode.DETAILS
        self._ownership = Ownership(
            self._client,
            self._endpoint,
            as_candidates=self._as_candidates,
            may_impersonate=lambda: settings.mode is Mode.DETAILS and self.restriction is None,
        )
        limit = settings.max_subscriptions_per_connection
        self._watcher = Watcher(
            self._client,
            self._endpoint.locate,
            limit=limit,
            own_connections=OWN_CONNECTIONS[settings.type],
            clock=clock,
            random=random,
        )

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one.

        After an address without a mailbox the next one is tried; any other failure ends the search, so that a problem
        with the right mailbox never leads to another one. Raises `MailboxNotFound` with the addresses that were tried.
        """
        addresses = {each.rstrip("."): address for each in candidates if (address := smtp_address(each))}
        if not addresses:
            raise MailboxNotFound("none of its addresses is an e-mail address" if candidates else "it has no address")
        url = await self._endpoint.url(list(addresses.values()))
        without: list[MailboxNotFound] = []
        for candidate, address in addresses.items():
            try:
                with self._looking_again(url):
                    return Mailbox(await self._ownership.mailbox(url, address), url, found_by=candidate)
            except MailboxNotFound as failure:
                without.append(failure)
            except MailboxMoved:
                self._endpoint.invalidate(url)
                raise
            except ImpersonationRightMissing as failure:
                if self.restriction is None:
                    raise
                # The failure is reported elsewhere, and mailboxes found earlier are still read.
                raise ImpersonationDenied(failure.detail) from failure
        raise MailboxNotFound(
            "; ".join(failure.detail for failure in without),
            confidential="; ".join(failure.confidential for failure in without if failure.confidential),
        )

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        url = (await self._endpoint.current(mailbox)).url
        with self._looking_again(url):
            try:
                return await self._reader.read(url, Impersonation(mailbox.address), window)
            except NotPrimaryAddress as failure:
                if not failure.primary:
                    raise
                return await self._reader.read(url, Impersonation(failure.primary), window)
            except MailboxMoved:
                self._watcher.drop(mailbox.address)
                raise

    async def zones(self, mailboxes: Sequence[Mailbox], window: Window) -> Mapping[str, MailboxZone]:
        """Implements `ZoneSource`; those of other servers are told by the first one, too."""
        found: dict[str, MailboxZone] = {}
        for some in portions(mailboxes, MOST_MAILBOXES):
            request = get_user_availability([each.address for each in some], window)
            answer = await self._client.call(some[0].url, request)
            for mailbox, message in zip(some, answer.messages, strict=False):
                if not message.failed and (zone := zone_of_working_hours(message.element)) is not None:
                    found[mailbox.address] = zone
        return found

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Subscribe to the calendar of a mailbox unless that is done, and return the mailbox with its present location.

        A mailbox has to be read after it was subscribed to. Raises what reading it would raise.
        """
        mailbox = await self._endpoint.current(mailbox)
        if not self._may_subscribe or self.restriction is not None:
            return mailbox
        with self._looking_again(mailbox.url):
            try:
                return await self._watcher.watch(mailbox)
            except NotPrimaryAddress as failure:
                if not failure.primary:
                    raise
                return await self._watcher.watch(replace(mailbox, address=failure.primary))
            except ExchangeFailure as failure:
                if policy_of(type(failure)).with_less is not WithLess.EVERYBODY:
                    raise
                # The mailbox is read next, which falls back to free/busy.
                return mailbox

    def unwatch(self, mailbox: Mailbox) -> None:
        """Stop watching a mailbox."""
        self._watcher.unwatch(mailbox.address)

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Return whether notifications for this mailbox are active."""
        return self._watcher.is_watched(mailbox.address)

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why less is known of this mailbox than of others although it was read, None if that is not so."""
        return self._reader.limitation(mailbox.address)

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        """Return whether and how a mailbox is watched, or why not."""
        following = self._watcher.following(mailbox.address)
        if not following.watched and not (self._may_subscribe and self.restriction is None):
            following = SubscriptionStatus(why_not=str(self.restriction or NO_NOTIFICATIONS))
        return replace(following, held_back_until=self._throttle.held_back_until(mailbox.address))

    async def run(self, tell: ChangeCallback) -> None:
        """Listen for changes until cancelled, and report mailboxes that have to be read again."""
        await self._watcher.run(tell)

    def share_with(self, engines: int) -> None:
        """Implements `SharingSource`."""
        self._connections = max(1, self._connections_of_all // engines)
        self._throttle.share_with(engines)

    @property
    def reads_at_once(self) -> int:
        """The number of windows worth reading at once: as many mailboxes as fit into all concurrent requests."""
        return self._connections * self._reader.mailboxes_per_request

    @property
    def heeds_quiet_hours(self) -> bool:
        """False: mailboxes are watched, and the others are few."""
        return False

    @property
    def restriction(self) -> ExchangeFailure | None:
        """The failure because of which less is read than the settings ask for, None if everything is read."""
        return self._reader.restriction

    def read_less(self, denial: ExchangeFailure) -> bool:
        """Note that no mailbox may be impersonated; return whether reading continues in less detail."""
        if not isinstance(self._reader, FallbackReader) or self._as_candidates:
            return False
        self._reader.read_less(denial)
        return True

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """Conditions that delay presences although everything works."""
        found: list[ExchangeFailure] = []
        if (seconds := self._client.slow_median()) is not None:
            found.append(self._slow(seconds))
        if reason := self._watcher.refused_everywhere():
            found.append(NotificationsRefused(reason))
        if delayed := self._throttle.delayed_lately():
            others = f" and {len(delayed) - 1} more" if len(delayed) > 1 else ""
            found.append(MailboxRationed(f"{delayed[0]}{others}"))
        return tuple(found)

    def _slow(self, seconds: float) -> ExchangeSlow:
        hundred = 100 * seconds / self.reads_at_once
        takes = f"{hundred:.0f} seconds" if hundred < 100 else f"{hundred / 60:.0f} minutes"
        return ExchangeSlow(
            f"half of its answers take more than {seconds:.1f} seconds; with {self.reads_at_once} calendars at a time, "
            f"100 take about {takes} to be read",
            seconds,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    @contextlib.contextmanager
    def _looking_again(self, url: str) -> Iterator[None]:
        try:
            yield
        except MailboxElsewhere as failure:
            if self._ews_url_is_fixed:
                raise MailboxAtAnotherUrl(failure.detail) from failure
            raise
        except ExchangeFailure as failure:
            # A mailbox that has moved says nothing about where the others are.
            if policy_of(type(failure)).forgets is Forgets.SERVER:
                self._endpoint.invalidate(url)
            raise


def _reader(
    settings: ExchangeSettings, client: EwsClient, clock: Clock, with_subjects: bool, with_organizers: bool
) -> Reader:
    free_busy = FreeBusyReader(client, clock)
    if settings.mode is Mode.FREE_BUSY:
        return free_busy
    details = CalendarReader(client, with_subjects=with_subjects, with_organizers=with_organizers)
    # An application has no mailbox, so it cannot request free/busy in its own name.
    return FallbackReader(details, free_busy, clock) if settings.type is ExchangeType.ON_PREMISES else details
