"""Requests for many mailboxes at the same time, joined into batches in which no mailbox waits for a slow one."""

from collections.abc import Collection, Mapping, Set
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.exchange.errors import AnswerBrokenOff, RequestRejected
from engine.exchange.graph.batch import PARTS, GraphAnswer
from engine.exchange.graph.client import THROTTLED, GraphClient
from engine.exchange.graph.gathering import Gatherer
from engine.exchange.graph.requests import GraphRequest
from engine.exchange.graph.throttle import Throttle
from engine.exchange.http.retry_after import retry_after

SLOW, FINE = timedelta(seconds=5), timedelta(seconds=2.5)
"""A batch is answered as a whole: after a slow one each of its mailboxes is asked alone, until it answers fast."""

PATIENCE = 10.0
"""Seconds that a batch is waited for before each of its mailboxes is asked alone."""

MOST_ALONE = 5 * PARTS
"""If more mailboxes than that would have to be asked alone, Graph itself is slow, and nothing is gained by it."""

FORGOTTEN = timedelta(hours=1)
"""A mailbox that nobody has asked about for so long is no longer known as slow."""

_MAY_BE_OF_ONE = (AnswerBrokenOff, RequestRejected)
"""Failures of a batch that may be the fault of one of its requests."""


class Batches:
    """Asks about mailboxes, each named by a key, at most once in a batch. `clock` is the network clock.

    A mailbox that is throttled pauses alone. Only what failed is asked again, by the caller and so in a later batch.
    """

    def __init__(self, client: GraphClient, throttle: Throttle, clock: Clock) -> None:
        self._client = client
        self._throttle = throttle
        self._clock = clock
        self._gatherer = Gatherer[GraphRequest, GraphAnswer | None](PARTS, self._ask, clock)
        self._alone: dict[str, datetime] = {}

    async def ask(self, mailbox: str, request: GraphRequest) -> GraphAnswer:
        """Return the answer to a request about a mailbox, whatever its status.

        Raises the failure of the batch, `MailboxTrouble` if the batch was answered without it, and `MailboxBusy`
        during a pause that Graph asked for.
        """
        key = mailbox.casefold()
        self._throttle.check(key)
        answer = None if key in self._alone else await self._gatherer.ask(key, request)
        if answer is None:
            answer = await self._ask_alone(key, request)
        if answer.status == THROTTLED and (seconds := retry_after(answer.headers)) is not None:
            self._throttle.pause(key, seconds)
        return answer

    async def _ask(self, requests: Mapping[str, GraphRequest]) -> Mapping[str, GraphAnswer | None]:
        """Return the answer to each request of a batch, None for those to be asked alone."""
        if len(requests) == 1:
            return {key: (await self._client.send(request)).answer for key, request in requests.items()}
        patience = PATIENCE if self._may_be_asked_alone(requests.keys()) else None
        try:
            batch = await self._client.send_batch(list(requests.values()), patience)
        except _MAY_BE_OF_ONE:
            if not self._may_be_asked_alone(requests.keys()):
                raise
            self._ask_alone_from_now(requests)
            return dict.fromkeys(requests)
        if batch.duration >= SLOW and self._may_be_asked_alone(requests.keys()):
            self._ask_alone_from_now(requests)
        return {key: answer for key, answer in zip(requests, batch.answers, strict=True) if answer is not None}

    def _may_be_asked_alone(self, mailboxes: Set[str]) -> bool:
        now = self._clock.now()
        self._alone = {key: asked for key, asked in self._alone.items() if now - asked < FORGOTTEN}
        return len(self._alone.keys() | mailboxes) <= MOST_ALONE

    def _ask_alone_from_now(self, mailboxes: Collection[str]) -> None:
        self._alone |= dict.fromkeys(mailboxes, self._clock.now())

    async def _ask_alone(self, key: str, request: GraphRequest) -> GraphAnswer:
        self._alone[key] = self._clock.now()
        timed = await self._client.send(request, alone=True)
        if timed.duration < FINE:
            self._alone.pop(key, None)
        return timed.answer
