"""Reads the appointments of one mailbox in a window, all of them, with organizers where they decide something."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.client import EwsClient
from engine.exchange.ews.find_item import Page, find_item, found_items, has_id
from engine.exchange.ews.get_item import concerns_one_item, get_organizers, organizer
from engine.exchange.ews.soap import Impersonation
from engine.exchange.failures import CalendarTooFull, ExchangeFailure, NotUnderstood, SeriesNotExpanded
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

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return None: it tells as much of one mailbox as of any other."""
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`.

        Raises `SeriesNotExpanded` where the server shows a series as the one item that it is stored as.
        """
        found = await self._read_whole(url, mailbox, window, _MOST_HALVINGS)
        if self._with_organizers:
            tentative = [
                item_id
                for item_id, appointment in found.items()
                if appointment.show_as is ShowAs.TENTATIVE and not appointment.cancelled and has_id(item_id)
            ]
            for item_id, told in (await self._organizers(url, mailbox, tentative)).items():
                found[item_id] = _with_organizer(found[item_id], told)
        return tuple(found.values())

    async def _read_whole(
        self, url: str, mailbox: Impersonation, window: Window, halvings: int
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
            found |= await self._read_whole(url, mailbox, half, halvings - 1)
        return found

    async def _read_page(self, url: str, mailbox: Impersonation, window: Window) -> Page:
        operation = find_item(window, with_subjects=self._with_subjects)
        answer = await self._client.call(url, operation, mailbox)
        return found_items(answer.content(answer.messages[0]), with_subjects=self._with_subjects)

    async def _organizers(self, url: str, mailbox: Impersonation, item_ids: Sequence[str]) -> Mapping[str, _Organizer]:
        found: dict[str, _Organizer] = {}
        for start in range(0, len(item_ids), _ITEMS_AT_ONCE):
            batch = item_ids[start : start + _ITEMS_AT_ONCE]
            answer = await self._client.call(url, get_organizers(batch), mailbox)
            found.update(zip(batch, _organizers_in(answer, len(batch)), strict=True))
        return found


def _organizers_in(answer: EwsAnswer, asked: int) -> Iterable[_Organizer]:
    if len(answer.messages) != asked:
        raise NotUnderstood(f"GetItem answered {len(answer.messages)} of {asked} items")
    for message in answer.messages:
        # Deleted between the two requests: the change that follows will have it read again.
        if message.failed and message.code == "ErrorItemNotFound":
            yield None
        elif message.failed and concerns_one_item(message.code, answer.failure(message)):
            yield Oddity.ORGANIZER_UNKNOWN
        else:
            yield organizer(answer.content(message))


def _with_organizer(appointment: Appointment, told: _Organizer) -> Appointment:
    if isinstance(told, Oddity):
        return replace(appointment, oddities=(*appointment.oddities, told))
    return replace(appointment, organizer=told)
