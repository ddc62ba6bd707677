"""Reads the appointments of one mailbox in a window, all of them, with organizers where they decide something."""

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.around_corrupt import read_around, stand_in
from engine.exchange.ews.client import EwsClient
from engine.exchange.ews.find_item import Page, find_item, found_items, has_id
from engine.exchange.ews.get_item import concerns_one_item, get_organizers, organizer
from engine.exchange.ews.soap import Impersonation, ResponseMessage
from engine.exchange.failures import (
    CalendarItemCorrupt,
    CalendarItemGone,
    CalendarTooFull,
    ExchangeFailure,
    NotUnderstood,
    SeriesNotExpanded,
)
from engine.exchange.source import Window

# Exchange ends a FindItem at 1000 items (EWSFindCountLimit): 64 times as many fit into what is left of a window.
_MOST_HALVINGS = 6
_ITEMS_AT_ONCE = 50

_Organizer: TypeAlias = str | Oddity | None
"""The address of an organizer, None where there is none, or why it is not known."""


class CalendarReader:
    """Reads with subjects or without; asks for organizers of tentative appointments only `with_organizers`."""

    restriction: ExchangeFailure | None = None
    mailboxes_per_request = 1

    def __init__(self, client: EwsClient, *, with_subjects: bool, with_organizers: bool) -> None:
        self._client = client
        self._with_subjects = with_subjects
        self._with_organizers = with_organizers
        self._unreadable: dict[str, tuple[Window, ...]] = {}

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return None: it tells as much of one mailbox as of any other."""
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`.

        Raises `SeriesNotExpanded` where the server shows a series as the one item that it is stored as.
        """
        found = await self._read_readable(url, mailbox, window)
        if self._with_organizers:
            tentative = [
                item_id
                for item_id, appointment in found.items()
                if appointment.show_as is ShowAs.TENTATIVE and not appointment.cancelled and has_id(item_id)
            ]
            for item_id, told in (await self._organizers(url, mailbox, tentative)).items():
                found[item_id] = _with_organizer(found[item_id], told)
        return tuple(found.values())

    async def _read_readable(self, url: str, mailbox: Impersonation, window: Window) -> dict[str, Appointment]:
        """Read all of it, or around what Exchange cannot read; where that was is remembered, and tried again."""
        key = mailbox.address.lower()
        read = partial(self._read_whole, url, mailbox, _MOST_HALVINGS)
        try:
            found = await read(window)
        except CalendarItemCorrupt:
            found, unreadable = await read_around(read, window, self._unreadable.get(key, ()))
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
            # What overlaps both halves comes twice, with the same id.
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
        """Ask in halves for items of which one spoils the answer for all; where both halves fail, it is not one item.

        What is not found out is not worth the rest of the calendar: it counts as FindItem has told it.
        """
        found: dict[str, _Organizer] = dict.fromkeys(item_ids, Oddity.ORGANIZER_UNKNOWN)
        while len(item_ids) > 1:
            middle = len(item_ids) // 2
            halves = item_ids[:middle], item_ids[middle:]
            told = [await self._some_organizers(url, mailbox, half) for half in halves]
            failed = [half for half, organizers in zip(halves, told, strict=True) if organizers is None]
            for organizers in told:
                found |= organizers or {}
            if len(failed) != 1:
                break
            (item_ids,) = failed
        return found

    async def _some_organizers(
        self, url: str, mailbox: Impersonation, item_ids: Sequence[str]
    ) -> Mapping[str, _Organizer] | None:
        """Return the organizers of all these items, None where the answer says no more than that it failed."""
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


def _organizer_in(answer: EwsAnswer, message: ResponseMessage) -> _Organizer:
    # Deleted between the two requests: the change that follows will have it read again.
    if not message.failed:
        return organizer(message.element)
    failure = answer.failure(message)
    if isinstance(failure, CalendarItemGone):
        return None
    if concerns_one_item(failure):
        return Oddity.ORGANIZER_UNKNOWN
    raise failure


def _with_organizer(appointment: Appointment, told: _Organizer) -> Appointment:
    if isinstance(told, Oddity):
        return replace(appointment, oddities=(*appointment.oddities, told))
    return replace(appointment, organizer=told)
