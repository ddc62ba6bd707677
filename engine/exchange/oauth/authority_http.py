"""The HTTP client that MSAL gets: verified TLS, no proxies of the environment, bounded time, named failures."""

import functools
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from engine.core.traced import TracedExchange
from engine.exchange.failures import ExchangeFailure
from engine.exchange.http.tls import not_trusted
from engine.exchange.http.trace import NoTrace, Stopwatch, Trace
from engine.exchange.oauth.failures import AuthorityTlsImpossible, AuthorityUnreachable, TenantUnknown
from engine.tls.shown import certificate_at

SECONDS = 30.0
JUDGED_BY_MSAL = (200, 400, 401)
"""Statuses whose body is a token, or an error as RFC 6749, section 5.2 has it."""

PHASES = {
    "connection.connect_tcp.complete": "connect",
    "connection.start_tls.complete": "tls",
    "http11.send_request_body.complete": "send",
    "http11.receive_response_headers.complete": "wait",
}
"""Which events of the HTTP library end which phase (https://www.encode.io/httpcore/extensions/#trace)."""


class AuthorityHttp:
    """What MSAL asks of a client: `get`, `post`, `close`; used in a thread, by one caller at a time.

    What MSAL would raise a ValueError or a bare HTTP error for has its name here already.
    """

    def __init__(self, tls: ssl.SSLContext, user_agent: str, trace: Trace | None = None) -> None:
        self._trace = trace or NoTrace()
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(verify=tls, trust_env=False),
            headers={"User-Agent": user_agent},
            timeout=SECONDS,
            trust_env=False,
        )
        self.skew: timedelta | None = None
        """How far ahead our clock is of the authority's, by its last answer."""

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Get the description of a tenant (OpenID Connect Discovery 1.0, section 4).

        Raises `TenantUnknown`, `AuthorityUnreachable` or `CertificateNotTrusted`.
        """
        response = self._send("GET", url, params, None, headers)
        if response.status_code in (400, 404):
            raise TenantUnknown(f"{response.url.host}, HTTP {response.status_code}")
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask for a token. Raises `AuthorityUnreachable` or `CertificateNotTrusted`."""
        # A signed assertion comes as bytes, which this library would write as Python does.
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        try:
            response = self._send("POST", url, params, form, headers)
        except AuthorityUnreachable as failure:
            failure.sent = not isinstance(failure.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise
        try:
            understood = response.status_code in JUDGED_BY_MSAL and isinstance(json.loads(response.text), dict)
        except (ValueError, RecursionError):
            understood = False
        if not understood:
            told = response.headers.get("retry-after", "")
            useless = AuthorityUnreachable(
                f"{response.url.host}, HTTP {response.status_code}",
                retry_after=min(float(told), 3600.0) if told.isascii() and told.isdigit() else None,
            )
            useless.sent = True
            raise useless
        return response

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx2.Response:
        watch = Stopwatch() if self._trace.on else None
        extensions = {"trace": functools.partial(_note, watch)} if watch else None
        try:
            response = self._client.request(
                method, url, params=params, data=data, headers=headers, extensions=extensions
            )
        except httpx2.RequestError as error:
            failure = _failure_of(error)
            if watch is not None:
                self._trace.take(_ended(watch, error.request, None, failure.slug))
            raise failure from error
        if watch is not None:
            self._trace.take(_ended(watch, response.request, response, ""))
        if response.status_code >= 500 or response.is_redirect:
            raise AuthorityUnreachable(f"{response.url.host}, HTTP {response.status_code}")
        self._compare_clocks(response.headers.get("date", ""))
        return response

    def _compare_clocks(self, date: str) -> None:
        # Certificates and assertions are judged by the machine's own time: no injected clock can be meant here.
        try:
            self.skew = datetime.now(UTC) - parsedate_to_datetime(date)
        except (ValueError, TypeError):
            self.skew = None


def _note(watch: Stopwatch, event: str, _: object) -> None:
    """What an event is about may hold secrets and is not looked at."""
    if event in PHASES:
        watch.lap(PHASES[event])


def _failure_of(error: httpx2.RequestError) -> ExchangeFailure:
    place = error.request.url.host
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            shown = certificate_at((place, error.request.url.port or 443), place)
            return not_trusted("Microsoft Entra's log-in service", place, place, cause, shown, "exchange.authority")
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx2.ConnectError):
            return AuthorityTlsImpossible(f"{place}: {cause}")
        if isinstance(cause, ConnectionResetError) and isinstance(error, httpx2.ConnectError):
            return AuthorityTlsImpossible(f"{place}: it hangs up in the middle of the TLS handshake")
        cause = cause.__cause__ or cause.__context__
    return AuthorityUnreachable(f"{place}: {str(error) or type(error).__name__}")


def _ended(watch: Stopwatch, request: httpx2.Request, response: httpx2.Response | None, failure: str) -> TracedExchange:
    """Return what was on the wire; the secret or assertion in it is for the taker to blank."""
    return TracedExchange(
        request_id=request.headers.get("client-request-id", ""),
        method=request.method,
        url=str(request.url),
        request_headers=request.headers,
        request=request.content,
        lane="",
        attempt=1,
        status=response.status_code if response is not None else None,
        response_headers=response.headers if response is not None else {},
        response=response.content if response is not None else b"",
        failure=failure,
        seconds=watch.stop(),
        phases=watch.phases,
    )
