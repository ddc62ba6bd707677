"""HTTP requests and responses, and their record for the debug log."""

import contextlib
import functools
import ssl
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Self

import httpx
import msgspec
from msgspec.structs import replace

from engine.core.http_record import HttpRecord
from engine.exchange.errors import (
    AnswerBrokenOff,
    ExchangeFailure,
    ExchangeUnreachable,
    NoAnswerInTime,
    NotUnderstood,
    RequestRejected,
    TlsImpossible,
)
from engine.exchange.http.login_page import is_ews, what_answers
from engine.exchange.http.trace import Stopwatch, Trace

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
CLOSED_IN_HANDSHAKE = "it closes the connection during the TLS handshake"
OPENING_SECONDS = 15.0
"""The first message of a log-in causes no work: a server that does not answer even that counts as unreachable."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The server's response. The names in `headers` are case-insensitive; `request_id` is the client-request-id.

    `rest` is the remainder of a response that is read in pieces.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str
    rest: httpx.Response | None = field(default=None, repr=False)


class UntrustedCertificate(Exception):
    """The server's certificate failed verification; the exact reason is still to be determined."""

    def __init__(self, error: ssl.SSLCertVerificationError) -> None:
        super().__init__(str(error))
        self.error = error


class HttpRequest(msgspec.Struct, frozen=True):
    """A request to send; `request_id` lets an administrator find it in the server's logs. The body of an answer with
    status 200 to one that is `in_pieces` is not awaited: `HttpResponse.rest` yields it as it arrives. Others are waited
    for `patience` seconds, or as long as usual. `asked` is when it was requested (perf_counter), `watch` measures it if
    it is traced.

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/instrumenting-client-requests-for-ews-and-rest-in-exchange
    """

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    body: bytes
    request_id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    in_pieces: bool = False
    patience: float | None = None
    asked: float | None = None
    watch: Stopwatch | None = None

    def __repr__(self) -> str:
        """Leave out everything that may hold a secret."""
        return f"HttpRequest({self.method}, {self.url.host}, {self.request_id})"


class JoinedHeaders(Mapping[str, str]):
    """The headers of an answer, with case-insensitive names; repeated ones are joined (RFC 9110, section 5.3)."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._joined: dict[str, str] = {}
        for raw_name, raw in pairs:
            name, value = raw_name.decode("ascii").lower(), raw.decode("utf-8", "surrogateescape")
            before = self._joined.get(name)
            self._joined[name] = value if before is None else f"{before}, {value}"

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        """Return all headers of an answer, those too that httpx itself does not get (see `transport`)."""
        return cls(response.extensions["headers"])

    def __getitem__(self, name: str) -> str:
        return self._joined[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)


@functools.lru_cache(maxsize=256)
def parse_url(url: str) -> httpx.URL:
    """Return the parsed `url`. Raises `ExchangeUnreachable` if it is not an http or https URL."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ExchangeUnreachable(f"{url!r} is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ExchangeUnreachable(f"{url!r} is not an http or https URL")
    return parsed


async def pieces(answer: HttpResponse) -> AsyncGenerator[bytes, None]:
    """Yield the body of `answer` as it arrives, without a time limit for the whole.

    Raises `ExchangeUnreachable` if the connection is lost, `NotUnderstood` if the body cannot be decoded.
    """
    if answer.rest is None:
        yield answer.body
        return
    with failures_by_name(answer.rest.request.url):
        async for chunk in answer.rest.aiter_raw():
            yield chunk


@contextlib.contextmanager
def failures_by_name(url: httpx.URL) -> Iterator[None]:
    """Turn any error of the HTTP client into a named failure.

    Raises `UntrustedCertificate` for a refused certificate, because the reason takes another look at it.
    """
    try:
        yield
    except httpx.ConnectError as error:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise UntrustedCertificate(cause) from error
        if isinstance(cause, ssl.SSLError):
            raise TlsImpossible(f"{place_of(url)}: {_reason(error)}") from error
        # A reset means that the machine accepted the connection and closed it on our TLS hello.
        if isinstance(cause, ConnectionResetError):
            raise TlsImpossible(f"{place_of(url)}: {CLOSED_IN_HANDSHAKE}") from error
        raise ExchangeUnreachable(f"{place_of(url)}: {_reason(error)}") from error
    except httpx.ConnectTimeout as error:
        raise ExchangeUnreachable(f"{place_of(url)}: {error}") from error
    except httpx.TimeoutException as error:
        kind = ExchangeUnreachable if "opens" in error.request.extensions else NoAnswerInTime
        raise kind(f"{place_of(url)}: {error}") from error
    except httpx.DecodingError as error:
        raise NotUnderstood(f"{place_of(url)}: {_reason(error)}") from error
    except (httpx.LocalProtocolError, ValueError) as error:
        # A header with a line break, or with half of a surrogate pair: nothing was sent.
        raise RequestRejected(f"{place_of(url)}: {error}") from error
    except httpx.TransportError as error:
        raise AnswerBrokenOff(f"{place_of(url)}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    *_, cause = causes(error)
    return str(cause) or type(error).__name__


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__


def place_of(url: httpx.URL) -> str:
    """Return host and port of a URL, the port only if it is explicit."""
    return f"{url.host}:{url.port}" if url.port else url.host


async def traced(
    trace: Trace,
    outgoing: HttpRequest,
    send: Callable[[HttpRequest], Awaitable[HttpResponse]],
    *,
    lane: str,
    attempt: int,
) -> HttpResponse:
    """Return the result of `send` for `outgoing`, and report request and answer to `trace`, however it ends."""
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


def part_of(outgoing: HttpRequest, answer: HttpResponse, body: bytes, *, lane: str, failure: str = "") -> HttpRecord:
    """Return the record of one envelope of a streamed answer, or of its end by a `failure`."""
    return HttpRecord(
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


def sent_headers(outgoing: HttpRequest) -> Mapping[str, str]:
    """Return the headers of a request, without its log-in."""
    return {**outgoing.headers, "client-request-id": outgoing.request_id}


def _ended(
    outgoing: HttpRequest,
    watch: Stopwatch,
    lane: str,
    attempt: int,
    answer: HttpResponse | None = None,
    failure: str = "",
) -> HttpRecord:
    seconds = watch.stop()
    return HttpRecord(
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


def _stranger(outgoing: HttpRequest, answer: HttpResponse) -> str:
    """Return the failure if something answered in place of EWS; for autodiscover, redirects are normal."""
    if not is_ews(outgoing.url.path):
        return ""
    found = what_answers(answer.status, answer.headers, answer.body)
    return found.slug if found is not None else ""
