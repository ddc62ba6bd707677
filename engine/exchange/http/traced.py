"""Puts what is told about an exchange together, for whoever looks on."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

from msgspec.structs import replace

from engine.core.traced import TracedExchange
from engine.exchange.failures import ExchangeFailure
from engine.exchange.http.login_page import is_ews, what_answers
from engine.exchange.http.trace import Stopwatch, Trace
from engine.exchange.http.wire import Answer, Outgoing


async def traced(
    trace: Trace, outgoing: Outgoing, send: Callable[[Outgoing], Awaitable[Answer]], *, lane: str, attempt: int
) -> Answer:
    """Return what `send` makes of `outgoing`, and let `trace` know of it, however it ends."""
    if not trace.on:
        return await send(outgoing)
    # Only the first attempt has waited for its turn.
    waited = perf_counter() - outgoing.asked if outgoing.asked is not None and attempt == 1 else 0.0
    watch = Stopwatch(waited)
    outgoing = replace(outgoing, watch=watch)
    try:
        answer = await send(outgoing)
    except ExchangeFailure as failure:
        trace.take(_ended(outgoing, watch, lane, attempt, failure=failure.slug))
        raise
    trace.take(_ended(outgoing, watch, lane, attempt, answer))
    return answer


def part_of(outgoing: Outgoing, answer: Answer, body: bytes, *, lane: str, failure: str = "") -> TracedExchange:
    """Return one envelope of an answer that goes on, or its end by a `failure`."""
    return TracedExchange(
        request_id=outgoing.request_id,
        method=outgoing.method,
        url=str(outgoing.url),
        request_headers=sent_headers(outgoing),
        request=outgoing.body,
        lane=lane,
        attempt=1,
        status=None if failure else answer.status,
        response_headers=answer.headers,
        response=body,
        failure=failure,
        seconds=0.0,
        phases={},
        part=True,
    )


def sent_headers(outgoing: Outgoing) -> Mapping[str, str]:
    """Return the headers of a request, but for its log-in."""
    return {**outgoing.headers, "client-request-id": outgoing.request_id}


def _ended(
    outgoing: Outgoing, watch: Stopwatch, lane: str, attempt: int, answer: Answer | None = None, failure: str = ""
) -> TracedExchange:
    seconds = watch.stop()
    return TracedExchange(
        request_id=outgoing.request_id,
        method=outgoing.method,
        url=str(outgoing.url),
        request_headers=sent_headers(outgoing),
        request=outgoing.body,
        lane=lane,
        attempt=attempt,
        status=answer.status if answer else None,
        response_headers=answer.headers if answer else {},
        response=answer.body if answer else b"",
        failure=failure or (_stranger(outgoing, answer) if answer else ""),
        seconds=seconds,
        phases=watch.phases,
    )


def _stranger(outgoing: Outgoing, answer: Answer) -> str:
    """Return what answered in place of EWS; autodiscover redirects as it should."""
    if not is_ews(outgoing.url.path):
        return ""
    found = what_answers(answer.status, answer.headers, answer.body)
    return found.slug if found is not None else ""
