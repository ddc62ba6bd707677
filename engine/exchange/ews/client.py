"""Sends EWS operations and hands back their response messages."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from engine.exchange.answer_times import AnswerTimes
from engine.exchange.ews.affinity import Affinity
from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.soap import Impersonation, envelope
from engine.exchange.ews.streaming.splitter import EnvelopeSplitter
from engine.exchange.ews.throttle import Throttle
from engine.exchange.ews.transport import Http, HttpStream


class EwsClient:
    """Requests on behalf of a mailbox, or of the service account itself.

    `own_address` is the service account's SMTP address, "" where it is known only as DOMAIN\\user. `timer` tells
    seconds that pass evenly.
    """

    def __init__(
        self, http: Http, own_address: str, throttle: Throttle, timer: Callable[[], float] = perf_counter
    ) -> None:
        self._answer_times = AnswerTimes()
        self._http = http
        self._throttle = throttle
        self._own_address = own_address
        self._timer = timer

    async def call(
        self,
        url: str,
        operation: bytes,
        impersonation: Impersonation | None = None,
        affinity: Affinity | None = None,
        about: str | None = None,
    ) -> EwsAnswer:
        """Send one operation; `about` is the mailbox it is about where nobody is impersonated.

        Raises the failure of an answer that has no response messages, or asks for a pause.
        Raises `ExchangeBusy` without sending anything during such a pause.
        """
        headers = self._headers(impersonation, affinity)
        asked = perf_counter()
        async with self._throttle.turn(url, impersonation.address if impersonation else None, about):
            body = envelope(operation, impersonation)
            begun = self._timer()
            try:
                given = await self._http.post(url, body, headers, asked=asked)
            finally:
                ended = self._timer()
                self._answer_times.add(ended - begun, ended)
            answer = EwsAnswer(given, impersonation)
            if answer.busy is not None:
                raise answer.busy
            return answer

    @contextlib.asynccontextmanager
    async def listen(
        self, url: str, operation: bytes, impersonation: Impersonation | None, affinity: Affinity
    ) -> AsyncIterator[AsyncGenerator[EwsAnswer | None, None]]:
        """Send an operation whose answer is a sequence of envelopes, over a connection of its own.

        Gives them as they come; None in between means that something came, if not a whole one.
        """
        headers = self._headers(impersonation, affinity)
        await self._throttle.ration(url, affinity.anchor)
        async with self._http.stream(url, envelope(operation, impersonation), headers) as stream:
            yield _envelopes(stream, impersonation)

    def slow_median(self) -> float | None:
        """Return the median of the answer times of late while that is slow, None otherwise."""
        return self._answer_times.slow_median(self._timer())

    def _headers(self, impersonation: Impersonation | None, affinity: Affinity | None) -> dict[str, str]:
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if affinity is not None:
            return headers | affinity.headers()
        # Tells the front end which server to pass the request to. Without it, Exchange goes by who has logged in.
        anchor = impersonation.address if impersonation else self._own_address
        return headers | {"X-AnchorMailbox": anchor} if anchor else headers


@dataclass(frozen=True, slots=True)
class _Envelope:
    """One envelope of a stream as if it were an answer of its own."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str


async def _envelopes(stream: HttpStream, impersonation: Impersonation | None) -> AsyncGenerator[EwsAnswer | None, None]:
    def answer(body: bytes) -> EwsAnswer:
        return EwsAnswer(_Envelope(stream.status, stream.headers, body, stream.request_id), impersonation)

    splitter = EnvelopeSplitter()
    async with contextlib.aclosing(stream.chunks()) as chunks:
        if stream.status != 200:
            yield answer(b"".join([chunk async for chunk in chunks]))
            return
        async for chunk in chunks:
            yield None
            for body in splitter.feed(chunk):
                stream.came(body)
                yield answer(body)
