"""The client of Graph: sends requests, alone or as a batch, with a token and under the throttle."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import perf_counter
from types import MappingProxyType
from typing import Protocol

import msgspec

from engine.core.clock import Clock
from engine.exchange.answer_times import AnswerTimes
from engine.exchange.graph.batch import URL, GraphAnswer, decode_batch, encode_batch
from engine.exchange.graph.error_codes import failure_of
from engine.exchange.graph.requests import GraphRequest
from engine.exchange.graph.throttle import Throttle
from engine.exchange.http.messages import HttpResponse

VERSION = "v1.0"
THROTTLED = 429
_OK = 200
_JSON: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})


class Http(Protocol):
    """Sends requests with a token and follows no redirect. Raises an `ExchangeFailure` when there is no answer."""

    async def get(self, url: str, headers: Mapping[str, str], *, asked: float | None = None) -> HttpResponse:
        """GET an https URL; `asked` is when it was requested (perf_counter)."""
        ...

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        asked: float | None = None,
        patience: float | None = None,
    ) -> HttpResponse:
        """Send `body` to an https URL, and wait `patience` seconds for an answer (None: as long as usual)."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class TimedAnswer(msgspec.Struct, frozen=True):
    """An answer, and how long it took from when the request was sent."""

    answer: GraphAnswer
    duration: timedelta


class BatchAnswer(msgspec.Struct, frozen=True):
    """The answer to each request of a batch, None where there is none, how long the batch took, and its headers."""

    answers: list[GraphAnswer | None]
    duration: timedelta
    headers: Mapping[str, str] = MappingProxyType({})


class GraphClient:
    """Requests to the Graph at `graph_url`. `clock` is the network clock; `timer` returns monotonic seconds."""

    def __init__(
        self,
        http: Http,
        graph_url: str,
        throttle: Throttle,
        clock: Clock,
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        self.root = f"{graph_url.rstrip('/')}/{VERSION}"
        self._http = http
        self._throttle = throttle
        self._clock = clock
        self._timer = timer
        self._answer_times = AnswerTimes()

    async def send(self, request: GraphRequest, *, alone: bool = False) -> TimedAnswer:
        """Send one request and return its answer, whatever its status; `alone`: it is for a slow mailbox."""
        asked = perf_counter()
        body = b"" if request.body is None else msgspec.json.encode(request.body)
        async with self._throttle.turn(alone=alone) as begun:
            timed = await self._answer(request, body, asked, None)
            self._throttle.throttled(begun, int(timed.answer.status == THROTTLED), 1)
            return timed

    async def send_batch(self, requests: Sequence[GraphRequest], patience: float | None = None) -> BatchAnswer:
        """Send 2 to 20 requests as one, and return the answer to each, whatever its status.

        Raises the failure of the batch as a whole, `NoAnswerInTime` after `patience` seconds.
        """
        asked = perf_counter()
        async with self._throttle.turn() as begun:
            timed = await self._answer(GraphRequest("POST", URL, _JSON), encode_batch(requests), asked, patience)
            if timed.answer.status != _OK:
                raise failure_of(timed.answer, f"a batch of {len(requests)}", of_a_mailbox=False)
            answers = decode_batch(timed.answer.body, len(requests))
            throttled = sum(each is not None and each.status == THROTTLED for each in answers)
            self._throttle.throttled(begun, throttled, len(requests))
            return BatchAnswer(answers, timed.duration, timed.answer.headers)

    def slow_median(self) -> float | None:
        """Return the median of the recent answer times while it is slow, None otherwise."""
        return self._answer_times.slow_median(self._timer())

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def _answer(self, request: GraphRequest, body: bytes, asked: float, patience: float | None) -> TimedAnswer:
        url, began, begun = f"{self.root}{request.url}", self._clock.now(), self._timer()
        try:
            if request.method == "GET":
                response = await self._http.get(url, request.headers, asked=asked)
            else:
                response = await self._http.post(url, body, request.headers, asked=asked, patience=patience)
        finally:
            ended = self._timer()
            self._answer_times.add(ended - begun, ended)
        answer = GraphAnswer(response.status, response.headers, response.body)
        return TimedAnswer(answer, self._clock.now() - began)
