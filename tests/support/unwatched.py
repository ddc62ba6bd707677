"""The part of a calendar source without notifications, whose mailboxes are polled."""

import asyncio

from engine.exchange.errors import ExchangeFailure
from engine.exchange.source import ChangeCallback, Mailbox, SubscriptionStatus


class Unwatched:
    async def watch(self, mailbox: Mailbox) -> Mailbox:
        return mailbox

    def unwatch(self, mailbox: Mailbox) -> None:
        pass

    def is_watched(self, mailbox: Mailbox) -> bool:
        return False

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        return None

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        return SubscriptionStatus(watched=self.is_watched(mailbox))

    @property
    def reads_at_once(self) -> int:
        return 100

    @property
    def heeds_quiet_hours(self) -> bool:
        return False

    @property
    def restriction(self) -> ExchangeFailure | None:
        return None

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        return ()

    async def run(self, tell: ChangeCallback) -> None:
        await asyncio.Event().wait()
