"""One request and its answer on the wire: size and time are bounded, and whatever goes wrong has a name."""

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import httpx2

from engine.exchange.failures import (
    AnswerBrokenOff,
    CertificateNotTrusted,
    ExchangeUnreachable,
    NotUnderstood,
    RequestRejected,
)
from engine.exchange.http.trace import Stopwatch

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
MAX_BODY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. The names in `headers` are case-insensitive; `request_id` is the client-request-id.

    `rest` is what is still to come of an answer that was asked for in pieces.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str
    rest: httpx2.Response | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send; `request_id` lets an administrator find it in the server's logs. The answer to one that
    is `in_pieces` is not waited for if its status is 200: `Answer.rest` gives it as it comes. `asked` is when somebody
    wanted it (perf_counter), `watch` measures it where somebody looks on.

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/instrumenting-client-requests-for-ews-and-rest-in-exchange
    """

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    in_pieces: bool = False
    asked: float | None = None
    watch: Stopwatch | None = None


class NetworkStream(Protocol):
    """The connection that an answer came over."""

    def get_extra_info(self, info: str) -> Any:
        """Return `ssl_object`, `is_readable` and the like."""
        ...


def parse_url(url: str) -> httpx2.URL:
    """Return `url` in its parts. Raises `ExchangeUnreachable` when it is no URL of a web server."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ExchangeUnreachable(f"{url!r} is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ExchangeUnreachable(f"{url!r} is no URL of a web server")
    return parsed


async def exchange(
    client: httpx2.AsyncClient, outgoing: Outgoing, *, authorization: str | None = None
) -> tuple[Answer, NetworkStream]:
    """Send `outgoing`; return the whole answer and the connection it came over.

    Raises `ExchangeUnreachable`, `AnswerBrokenOff`, `CertificateNotTrusted`, `RequestRejected` or `NotUnderstood`.
    """
    with _failures_by_name(outgoing.url):
        async with asyncio.timeout(CONNECT_SECONDS + ANSWER_SECONDS):
            request = client.build_request(
                outgoing.method,
                outgoing.url,
                content=outgoing.body,
                headers=_headers(outgoing, authorization),
                extensions={"trace": outgoing.watch.note_later} if outgoing.watch else None,
            )
            response = await client.send(request, stream=True)
            if outgoing.in_pieces and response.status_code == 200:
                answer = Answer(200, response.headers, b"", outgoing.request_id, response)
            else:
                try:
                    body = await _read_capped(response)
                finally:
                    await response.aclose()
                answer = Answer(response.status_code, response.headers, body, outgoing.request_id)
    return answer, cast("NetworkStream", response.extensions["network_stream"])


async def pieces(answer: Answer) -> AsyncGenerator[bytes, None]:
    """Yield the body of `answer` as it comes, for as long as the server takes.

    Raises `ExchangeUnreachable` when it breaks off, `NotUnderstood` when it cannot be decoded.
    """
    if answer.rest is None:
        yield answer.body
        return
    with _failures_by_name(answer.rest.url):
        async with contextlib.aclosing(answer.rest.aiter_bytes()) as chunks:
            async for chunk in chunks:
                yield chunk


def _headers(outgoing: Outgoing, authorization: str | None) -> list[tuple[bytes, bytes]]:
    """Addresses in headers may hold any character, so all go out as UTF-8."""
    headers = {
        **outgoing.headers,
        "client-request-id": outgoing.request_id,
        "return-client-request-id": "true",
    }
    if authorization is not None:
        headers["Authorization"] = authorization
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _read_capped(response: httpx2.Response) -> bytes:
    body = bytearray()
    async with contextlib.aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY:
                raise NotUnderstood(f"{response.url.host}: an answer of more than {MAX_BODY} bytes")
    return bytes(body)


@contextlib.contextmanager
def _failures_by_name(url: httpx2.URL) -> Iterator[None]:
    """Turn whatever the HTTP client raises into a failure of this room."""
    try:
        yield
    except TimeoutError as error:
        raise AnswerBrokenOff(f"{_place(url)}: no answer within {ANSWER_SECONDS:.0f} s") from error
    except httpx2.DecodingError as error:
        raise NotUnderstood(f"{_place(url)}: {error}") from error
    except httpx2.LocalProtocolError as error:
        raise RequestRejected(f"{_place(url)}: {error}") from error
    except httpx2.RequestError as error:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise CertificateNotTrusted(f"{_place(url)}: {cause.verify_message}") from error
        connected = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
        kind = AnswerBrokenOff if connected else ExchangeUnreachable
        raise kind(f"{_place(url)}: {str(causes[-1]) or type(error).__name__}") from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__


def _place(url: httpx2.URL) -> str:
    return f"{url.host}:{url.port}" if url.port else url.host
