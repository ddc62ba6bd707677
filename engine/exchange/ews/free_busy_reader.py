"""Reads times and states of many mailboxes with one request, although each is asked for on its own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.core.failures import Scope
from engine.exchange.ews.availability import MOST_MAILBOXES, free_busy, get_user_availability
from engine.exchange.ews.client import EwsClient
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation
from engine.exchange.failures import AnswerBrokenOff, ExchangeFailure, NotUnderstood
from engine.exchange.source import Window

GATHERING = timedelta(seconds=1)
"""How long a request waits for more mailboxes."""


@dataclass(slots=True)
class _Batch:
    """The mailboxes of one request, each with those that wait for it, and the window that covers all of theirs."""

    window: Window
    waiting: dict[str, "asyncio.Future[Element]"] = field(default_factory=dict)

    def join(self, address: str, window: Window) -> "asyncio.Future[Element]":
        self.window = Window(min(self.window.start, window.start), max(self.window.end, window.end))
        return self.waiting.setdefault(address, asyncio.get_running_loop().create_future())


class FreeBusyReader:
    """Asks as the service account, which everybody in the organisation lets see free/busy. `clock` is the network's."""

    restriction: ExchangeFailure | None = None
    mailboxes_per_request = MOST_MAILBOXES

    def __init__(self, client: EwsClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._gathering: dict[str, _Batch] = {}

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return None: it tells as much of one mailbox as of any other."""
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return the times and states that overlap `window`; nobody is impersonated.

        Who comes first waits for others and asks for all of them.
        """
        batch = self._gathering.get(url)
        if batch is not None and len(batch.waiting) < MOST_MAILBOXES:
            answer = batch.join(mailbox.address, window)
        else:
            batch = self._gathering[url] = _Batch(window)
            answer = batch.join(mailbox.address, window)
            await self._gather_and_ask(url, batch)
        # Others may wait for the same answer: whoever gives up does not take it away from them.
        return free_busy(await asyncio.shield(answer), window)

    async def _gather_and_ask(self, url: str, batch: _Batch) -> None:
        try:
            await self._clock.sleep_until(self._clock.now() + GATHERING)
            if self._gathering.get(url) is batch:
                del self._gathering[url]
            await self._ask(url, tuple(batch.waiting), batch)
        except Exception as mistake:  # whoever waits has to learn of it: a cancelled one would never try again
            for answer in batch.waiting.values():
                if not answer.done():
                    answer.set_exception(mistake)
        finally:
            if self._gathering.get(url) is batch:
                del self._gathering[url]
            for answer in batch.waiting.values():
                answer.cancel()

    async def _ask(self, url: str, addresses: Sequence[str], batch: _Batch) -> None:
        """Ask for some mailboxes; where one of them may have spoilt it for all, look for it in halves."""
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
