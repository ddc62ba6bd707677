"""The EWS client: posts SOAP requests, keeps mailboxes on their server, and checks the responses."""

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from engine.exchange.answer_times import AnswerTimes
from engine.exchange.errors import ExchangeBusy, ExchangeFailure, MailboxTrouble, NotPrimaryAddress, NotUnderstood
from engine.exchange.ews.response_codes import effective_code, meaning_of, meaning_of_status
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation, ResponseMessage, envelope, response_messages
from engine.exchange.ews.streaming.protocol import EnvelopeSplitter
from engine.exchange.ews.throttle import Throttle
from engine.exchange.http.login_page import is_html, what_answers
from engine.exchange.http.retry_after import LONGEST_PAUSE, retry_after, whole_number

_NAME = "X-BackEndOverrideCookie"
_COOKIE = re.compile(rf"(?:^|[,;]\s*){_NAME}=([^;,\s]*)")


@dataclass(frozen=True, slots=True)
class Affinity:
    """Routes requests to the server of the mailbox `anchor`, or of an earlier request by its `cookie` ("" if none).

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    anchor: str
    cookie: str

    def headers(self) -> dict[str, str]:
        """Return the headers that a request needs for it."""
        headers = {"X-AnchorMailbox": self.anchor, "X-PreferServerAffinity": "true"}
        return headers | {"Cookie": f"{_NAME}={self.cookie}"} if self.cookie else headers


def override_cookie(headers: Mapping[str, str]) -> str:
    """Return the value of X-BackEndOverrideCookie in an answer's headers, exactly as it is, "" if there is none."""
    found = _COOKIE.search(headers.get("set-cookie", ""))
    return found[1] if found else ""


class HttpAnswer(Protocol):
    """One whole HTTP answer. Header names are case-insensitive; `request_id` finds the exchange in the log."""

    @property
    def status(self) -> int:
        """The status code, whatever it is: no status is an exception."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        ...

    @property
    def body(self) -> bytes:
        """The decoded content, limited in size."""
        ...

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        ...


class HttpStream(Protocol):
    """An HTTP answer whose body arrives in chunks and may never end."""

    @property
    def status(self) -> int:
        """The status code, whatever it is."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        ...

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded body in chunks as it arrives."""
        ...

    def came(self, envelope: bytes) -> None:
        """Note that a part of the body is a complete envelope."""
        ...


class Http(Protocol):
    """Sends requests and follows no redirect. Raises an `ExchangeFailure` when there is no answer."""

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
    ) -> HttpAnswer:
        """Send `body` to an https URL as the service account; `asked` is when it was requested (perf_counter)."""
        ...

    def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[HttpStream]:
        """Send `body` like `post`, over a connection of its own, and return the answer as a stream."""
        ...

    async def get_anonymously(self, url: str) -> HttpAnswer:
        """Get a URL, plain http too, without credentials."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


_MAY_BE_SOAP = (200, 500)


class EwsResponse:
    """The response messages of one answer, with the context to describe a failure in one of them.

    The constructor raises the failure of an answer without response messages: a SOAP fault, an error page.
    """

    def __init__(self, answer: HttpAnswer, impersonation: Impersonation | None) -> None:
        self._answer = answer
        self._impersonation = impersonation
        self.messages = self._parse()

    @property
    def override_cookie(self) -> str:
        """The cookie that leads back to the server which answered, "" if there is none."""
        return override_cookie(self._answer.headers)

    @property
    def busy(self) -> ExchangeBusy | None:
        """The pause that Exchange asks for, if every response message failed."""
        if not all(message.failed for message in self.messages):
            return None
        failures = (self.failure(message) for message in self.messages)
        return next((failure for failure in failures if isinstance(failure, ExchangeBusy)), None)

    def failure(self, message: ResponseMessage, *, about: str | None = None) -> ExchangeFailure:
        """Return the named failure for a failed response message; `about` is the mailbox it is about, if that is not
        the impersonated one."""
        code = effective_code(message.code, message.values.get("InnerErrorResponseCode", ""))
        of_a_mailbox = self._impersonation is not None or about is not None
        failure = meaning_of(code, of_a_mailbox=of_a_mailbox)
        detail = self._where(code or "an error without a code", about)
        if failure is NotPrimaryAddress:
            return NotPrimaryAddress(detail, primary=message.values.get("Primary"))
        return failure(detail, retry_after=_back_off(message) or retry_after(self._answer.headers))

    def content(self, message: ResponseMessage) -> Element:
        """Return the element of a response message; raises its failure when it failed."""
        if message.failed:
            raise self.failure(message)
        return message.element

    def _parse(self) -> list[ResponseMessage]:
        # Exchange sends SOAP faults with HTTP 500, so the body counts before the status does.
        if self._answer.status in _MAY_BE_SOAP:
            try:
                messages = response_messages(self._answer.body)
            except NotUnderstood as error:
                if self._answer.status == 200 and not is_html(self._answer.headers, self._answer.body):
                    raise NotUnderstood(self._where(error.detail)) from error
            else:
                if messages[0].is_fault:
                    raise self.failure(messages[0])
                return messages
        raise self._failure_of_status()

    def _failure_of_status(self) -> ExchangeFailure:
        status = self._answer.status
        stranger = what_answers(status, self._answer.headers, self._answer.body)
        if stranger is not None:
            return type(stranger)(self._where(stranger.detail))
        detail = self._where(f"HTTP {status}")
        # The reason is in this header; the body is not to be relied on (Microsoft, "Control access to EWS").
        reason = self._answer.headers.get("x-ews-policy-reason", "")[:200] if status == 403 else ""
        failure = meaning_of_status(status, by_policy=bool(reason))
        waits = issubclass(failure, ExchangeBusy | MailboxTrouble)
        return failure(
            f'{detail}, "{reason}"' if reason else detail,
            retry_after=retry_after(self._answer.headers) if waits else None,
        )

    def _where(self, what: str, about: str | None = None) -> str:
        whose = about or (self._impersonation.address if self._impersonation else "the service account")
        return f"{what} for {whose} (request {self._answer.request_id})"


def _back_off(message: ResponseMessage) -> float | None:
    milliseconds = whole_number(message.values.get("BackOffMilliseconds", ""))
    return None if milliseconds is None else min(milliseconds / 1000, LONGEST_PAUSE)


class EwsClient:
    """Requests on behalf of a mailbox, or of the service account itself.

    `own_address` is the service account's SMTP address, "" if it is known only as DOMAIN\\user. `timer` returns
    monotonic seconds.
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
    ) -> EwsResponse:
        """Send one operation; `about` is the mailbox it is about if nobody is impersonated.

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
            answer = EwsResponse(given, impersonation)
            if answer.busy is not None:
                raise answer.busy
            return answer

    @contextlib.asynccontextmanager
    async def listen(
        self, url: str, operation: bytes, impersonation: Impersonation | None, affinity: Affinity
    ) -> AsyncIterator[AsyncGenerator[EwsResponse | None, None]]:
        """Send an operation whose answer is a sequence of envelopes, over a connection of its own.

        Yields them as they arrive; None in between means that data arrived, but no complete envelope.
        """
        headers = self._headers(impersonation, affinity)
        await self._throttle.ration(url, affinity.anchor)
        async with self._http.stream(url, envelope(operation, impersonation), headers) as stream:
            yield _envelopes(stream, impersonation)

    def slow_median(self) -> float | None:
        """Return the median of the recent answer times while it is slow, None otherwise."""
        return self._answer_times.slow_median(self._timer())

    def _headers(self, impersonation: Impersonation | None, affinity: Affinity | None) -> dict[str, str]:
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if affinity is not None:
            return headers | affinity.headers()
        # The front end routes the request by this header. Without it, Exchange uses the mailbox of the user logged in.
        anchor = impersonation.address if impersonation else self._own_address
        return headers | {"X-AnchorMailbox": anchor} if anchor else headers


@dataclass(frozen=True, slots=True)
class _Envelope:
    """One envelope of a stream in the shape of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str


async def _envelopes(
    stream: HttpStream, impersonation: Impersonation | None
) -> AsyncGenerator[EwsResponse | None, None]:
    def answer(body: bytes) -> EwsResponse:
        return EwsResponse(_Envelope(stream.status, stream.headers, body, stream.request_id), impersonation)

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
