"""Readers of calendars: full appointments, free/busy times, and the fallback from one to the other."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.core.clock import Clock
from engine.core.errors import Scope
from engine.exchange.errors import (
    AnswerBrokenOff,
    CalendarItemCorrupt,
    CalendarItemGone,
    CalendarTooFull,
    ExchangeFailure,
    NotUnderstood,
    OnlyFreeBusy,
    SeriesNotExpanded,
)
from engine.exchange.ews.availability import MOST_MAILBOXES, free_busy, get_user_availability
from engine.exchange.ews.client import EwsClient, EwsResponse
from engine.exchange.ews.corrupt_items import read_around_corrupt, stand_in
from engine.exchange.ews.find_item import Page, find_item, found_items, has_id
from engine.exchange.ews.get_item import concerns_one_item, get_organizers, organizer
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation, ResponseMessage
from engine.exchange.retry import WITH_LESS, WithLess, policy_of
from engine.exchange.source import Window

# FindItem returns at most 1000 items (EWSFindCountLimit); six halvings allow 64 times as many in a window.
_MOST_HALVINGS = 6
_ITEMS_AT_ONCE = 50

_Organizer: TypeAlias = str | Oddity | None
"""The address of an organizer, None if there is none, or why it is not known."""


class CalendarReader:
    """Reads appointments with or without subjects, and the organizers of tentative ones only if `with_organizers`."""

    restriction: ExchangeFailure | None = None
    mailboxes_per_request = 1

    def __init__(self, client: EwsClient, *, with_subjects: bool, with_organizers: bool) -> None:
        self._client = client
        self._with_subjects = with_subjects
        self._with_organizers = with_organizers
        self._unreadable: dict[str, tuple[Window, ...]] = {}

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return None: every mailbox is read in the same detail."""
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`.

        Raises `SeriesNotExpanded` if the server returns a series as one item, without its occurrences.
        """
        found = await self._read_readable(url, mailbox, window)
        if self._with_organizers:
            tentative = [
                item_id
                for item_id, appointment in found.items()
                if appointment.show_as is ShowAs.TENTATIVE and not appointment.cancelled and has_id(item_id)
            ]
            for item_id, organizer in (await self._organizers(url, mailbox, tentative)).items():
                found[item_id] = _with_organizer(found[item_id], organizer)
        return tuple(found.values())

    async def _read_readable(self, url: str, mailbox: Impersonation, window: Window) -> dict[str, Appointment]:
        """Read the window, or all of it but the parts that Exchange cannot read, which are remembered for the next
        read."""
        key = mailbox.address.lower()
        read = partial(self._read_whole, url, mailbox, _MOST_HALVINGS)
        try:
            found = await read(window)
        except CalendarItemCorrupt:
            found, unreadable = await read_around_corrupt(read, window, self._unreadable.get(key, ()))
            self._unreadable[key] = unreadable
            return found | {each.id: each for each in map(stand_in, unreadable)}
        self._unreadable.pop(key, None)
        return found

    async def _read_whole(
        self, url: str, mailbox: Impersonation, halvings: int, window: Window
    ) -> dict[str, Appointment]:
        with contextlib.suppress(CalendarTooFull):
            page = await self._read_page(url, mailbox, window)
            if not page.expanded:
                raise SeriesNotExpanded(mailbox.address)
            if page.complete:
                return dict(page.appointments)
        if not halvings:
            raise CalendarTooFull(f"{mailbox.address}, from {window.start} to {window.end}")
        middle = window.start + (window.end - window.start) / 2
        found: dict[str, Appointment] = {}
        for half in (Window(window.start, middle), Window(middle, window.end)):
            # An appointment that overlaps both halves is returned twice, with the same id.
            found |= await self._read_whole(url, mailbox, halvings - 1, half)
        return found

    async def _read_page(self, url: str, mailbox: Impersonation, window: Window) -> Page:
        operation = find_item(window, with_subjects=self._with_subjects)
        answer = await self._client.call(url, operation, mailbox)
        return found_items(answer.content(answer.messages[0]), with_subjects=self._with_subjects)

    async def _organizers(self, url: str, mailbox: Impersonation, item_ids: Sequence[str]) -> Mapping[str, _Organizer]:
        found: dict[str, _Organizer] = {}
        for start in range(0, len(item_ids), _ITEMS_AT_ONCE):
            batch = item_ids[start : start + _ITEMS_AT_ONCE]
            found |= await self._some_organizers(url, mailbox, batch) or await self._search(url, mailbox, batch)
        return found

    async def _search(self, url: str, mailbox: Impersonation, item_ids: Sequence[str]) -> Mapping[str, _Organizer]:
        """Bisect a batch whose request failed because of one item; stop if both halves fail.

        The calendar is worth more than its organizers: those that stay unknown are only marked as such.
        """
        found: dict[str, _Organizer] = dict.fromkeys(item_ids, Oddity.ORGANIZER_UNKNOWN)
        while len(item_ids) > 1:
            middle = len(item_ids) // 2
            halves = item_ids[:middle], item_ids[middle:]
            answers = [await self._some_organizers(url, mailbox, half) for half in halves]
            failed = [half for half, organizers in zip(halves, answers, strict=True) if organizers is None]
            for organizers in answers:
                found |= organizers or {}
            if len(failed) != 1:
                break
            (item_ids,) = failed
        return found

    async def _some_organizers(
        self, url: str, mailbox: Impersonation, item_ids: Sequence[str]
    ) -> Mapping[str, _Organizer] | None:
        """Return the organizers of all these items, None if the request failed without saying for which item."""
        try:
            answer = await self._client.call(url, get_organizers(item_ids), mailbox)
        except ExchangeFailure as failure:
            if not concerns_one_item(failure):
                raise
            return None
        if len(answer.messages) == len(item_ids):
            return dict(zip(item_ids, map(partial(_organizer_in, answer), answer.messages), strict=True))
        for message in answer.messages:
            if not message.failed:
                raise NotUnderstood(f"GetItem answered {len(answer.messages)} of {len(item_ids)} items")
            _organizer_in(answer, message)
        return None


def _organizer_in(answer: EwsResponse, message: ResponseMessage) -> _Organizer:
    # An item that was deleted between the two requests has no organizer; the notification leads to another read.
    if not message.failed:
        return organizer(message.element)
    failure = answer.failure(message)
    if isinstance(failure, CalendarItemGone):
        return None
    if concerns_one_item(failure):
        return Oddity.ORGANIZER_UNKNOWN
    raise failure


def _with_organizer(appointment: Appointment, organizer: _Organizer) -> Appointment:
    if isinstance(organizer, Oddity):
        return replace(appointment, oddities=(*appointment.oddities, organizer))
    return replace(appointment, organizer=organizer)


GATHERING = timedelta(seconds=1)
"""How long a request waits for more mailboxes."""


@dataclass(slots=True)
class _Batch:
    """The mailboxes of one request, the futures waiting for each, and one window that covers all of theirs."""

    window: Window
    waiting: dict[str, "asyncio.Future[Element]"] = field(default_factory=dict)

    def join(self, address: str, window: Window) -> "asyncio.Future[Element]":
        self.window = Window(min(self.window.start, window.start), max(self.window.end, window.end))
        return self.waiting.setdefault(address, asyncio.get_running_loop().create_future())


class FreeBusyReader:
    """Reads free/busy times as the service account, which may see those of everybody. `clock` is the network clock."""

    restriction: ExchangeFailure | None = None
    mailboxes_per_request = MOST_MAILBOXES

    def __init__(self, client: EwsClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._gathering: dict[str, _Batch] = {}

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return None: every mailbox is read in the same detail."""
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return the times and free/busy states that overlap `window`, without impersonation.

        The first caller waits for others, then sends one request for all of them.
        """
        batch = self._gathering.get(url)
        if batch is not None and len(batch.waiting) < MOST_MAILBOXES:
            answer = batch.join(mailbox.address, window)
        else:
            batch = self._gathering[url] = _Batch(window)
            answer = batch.join(mailbox.address, window)
            await self._gather_and_ask(url, batch)
        # Others may wait for the same answer: a caller that is cancelled must not cancel it for them.
        return free_busy(await asyncio.shield(answer), window)

    async def _gather_and_ask(self, url: str, batch: _Batch) -> None:
        try:
            await self._clock.sleep_until(self._clock.now() + GATHERING)
            if self._gathering.get(url) is batch:
                del self._gathering[url]
            await self._ask(url, tuple(batch.waiting), batch)
        except Exception as internal_error:  # a waiting caller that was cancelled instead would never try again
            for answer in batch.waiting.values():
                if not answer.done():
                    answer.set_exception(internal_error)
        finally:
            if self._gathering.get(url) is batch:
                del self._gathering[url]
            for answer in batch.waiting.values():
                answer.cancel()

    async def _ask(self, url: str, addresses: Sequence[str], batch: _Batch) -> None:
        """Request some mailboxes; if one of them may have made the request fail for all, bisect."""
        try:
            answers = await self._responses(url, addresses, batch.window)
        except ExchangeFailure as failure:
            perhaps_one = failure.scope is Scope.USER or isinstance(failure, AnswerBrokenOff)
            if perhaps_one and len(addresses) > 1:
                middle = len(addresses) // 2
                await self._ask(url, addresses[:middle], batch)
                await self._ask(url, addresses[middle:], batch)
                return
            answers = {address: type(failure)(failure.detail, retry_after=failure.retry_after) for address in addresses}
        for address, answer in answers.items():
            if isinstance(answer, ExchangeFailure):
                batch.waiting[address].set_exception(answer)
            else:
                batch.waiting[address].set_result(answer)

    async def _responses(
        self, url: str, addresses: Sequence[str], window: Window
    ) -> Mapping[str, Element | ExchangeFailure]:
        answer = await self._client.call(url, get_user_availability(addresses, window))
        if len(answer.messages) != len(addresses):
            raise NotUnderstood(f"GetUserAvailability answered {len(answer.messages)} of {len(addresses)} mailboxes")
        return {
            address: answer.failure(message, about=address) if message.failed else message.element
            for address, message in zip(addresses, answer.messages, strict=True)
        }


class Reader(Protocol):
    """Reads calendar windows. `restriction` is the failure because of which it reads less than it could."""

    @property
    def restriction(self) -> ExchangeFailure | None:
        """The failure that keeps it from reading full details, None if it reads them."""
        ...

    @property
    def mailboxes_per_request(self) -> int:
        """The number of mailboxes that one request can cover."""
        ...

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return the failure that keeps it from reading full details of this mailbox alone, None if there is none."""
        ...

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`."""
        ...


class FallbackReader:
    """Reads by `details`, or by `free_busy` while the service account may not impersonate anybody.

    A single mailbox outside the scope of that right does not count: it may be left out on purpose. Once an hour, one
    read checks whether the right is back. A mailbox whose server does not expand recurring series is read by
    `free_busy` too, and tried again every hour. `clock` is the network clock.
    """

    def __init__(self, details: Reader, free_busy: Reader, clock: Clock) -> None:
        self._details = details
        self._free_busy = free_busy
        self._clock = clock
        self._next_probe = clock.now()
        self._unexpanded: dict[str, tuple[ExchangeFailure, datetime]] = {}
        self.restriction: ExchangeFailure | None = None
        self._all_denied = False

    def read_less(self, denial: ExchangeFailure) -> None:
        """Switch to `free_busy`, because no mailbox could be impersonated: the right itself is missing."""
        self._all_denied = True
        self._restrict(denial)
        self._next_probe = self._clock.now() + WITH_LESS

    @property
    def mailboxes_per_request(self) -> int:
        """The number of mailboxes that one request can cover at present."""
        return (self._details if self.restriction is None else self._free_busy).mailboxes_per_request

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return the failure because of which only this mailbox is read by free/busy, None if there is none."""
        known = self._unexpanded.get(address)
        return known and known[0]

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, in as much detail as is permitted."""
        now = self._clock.now()
        if self.restriction is None and now < self._next_try(mailbox.address, now):
            return await self._free_busy.read(url, mailbox, window)
        if self.restriction is None or now >= self._next_probe:
            self._next_probe = now + WITH_LESS
            try:
                found = await self._details.read(url, mailbox, window)
            except ExchangeFailure as failure:
                policy = policy_of(type(failure))
                match policy.with_less:
                    case WithLess.EVERYBODY:
                        self._restrict(failure)
                    case WithLess.MAILBOX:
                        self.restriction, self._all_denied = None, False
                        self._unexpanded[mailbox.address] = (failure, now + WITH_LESS)
                    case WithLess.NOBODY if not (self._all_denied and policy.for_everybody is not None):
                        self._next_probe = now  # this failure says nothing about the right, so the next read checks it
                        raise
            else:
                self.restriction, self._all_denied = None, False
                self._unexpanded.pop(mailbox.address, None)
                return found
        return await self._free_busy.read(url, mailbox, window)

    def _restrict(self, failure: ExchangeFailure) -> None:
        self.restriction = self.restriction or OnlyFreeBusy(failure.detail)

    def _next_try(self, address: str, now: datetime) -> datetime:
        known = self._unexpanded.get(address)
        return known[1] if known else now
