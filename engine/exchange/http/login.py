"""Log-ins as `httpx.Auth`: NTLM and Negotiate of one connection, Basic and bearer tokens of each request.

A log-in with a password says when it is about to be sent: until then, nothing has been tried that could be wrong. What
a server answers in its course raises nothing here; `failure` names what ended it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx
from httpx_ntlm import HttpNtlmAuth

from engine.exchange.errors import ExchangeFailure, ExchangeUnreachable
from engine.exchange.http.auth import (
    Credential,
    Handshake,
    RequestAuth,
    basic_authorization,
    not_offered,
    offered,
    tls_server_end_point,
)
from engine.exchange.http.login_page import what_answers
from engine.exchange.http.messages import OPENING_SECONDS, JoinedHeaders
from engine.exchange.http.wire import Wire

UNAUTHORIZED = 401
Flow = AsyncGenerator[httpx.Request, httpx.Response]
Sending = Callable[[], Awaitable[None]]


class NtlmLogin(HttpNtlmAuth):
    """NTLM, alone or wrapped in SPNEGO, as `httpx_ntlm` has it but for its handshake.

    That of `httpx_ntlm` asks first without any log-in, carries the body three times, knows no channel binding, sends
    cookies back with their attributes, raises KeyError or RuntimeError on answers that it does not expect, and does not
    care which connection its second message takes. This one is for a new connection, which it logs in: its first
    message has no body, its second one goes over the same connection or not at all. `cookies` are those of the
    connection; `sending` is awaited before the second message, the first that can be wrong.
    """

    def __init__(self, credential: Credential, cookies: httpx.Cookies, sending: Sending) -> None:
        super().__init__(credential.user, credential.password.reveal(), send_cbt=credential.channel_binding)
        self._credential = credential
        self._cookies = cookies
        self._sending = sending
        self.sent = False
        self.failure: ExchangeFailure | None = None

    async def async_auth_flow(self, request: httpx.Request) -> Flow:
        """Yield both messages of the handshake; the second one is `request` itself."""
        handshake = Handshake(self._credential, request.url.host)
        response = yield _opening(request, handshake.opening())
        await response.aread()
        if response.status_code != UNAUTHORIZED:
            return
        try:
            authorization = self._reply(handshake, response, request.url.host)
        except ExchangeFailure as failure:
            self.failure = failure
            return
        watch = request.extensions.get("watch")
        if watch is not None:
            watch.logged_in()
        await self._sending()
        self.sent = True
        request.headers["Authorization"] = authorization
        self._cookies.set_cookie_header(request)
        yield request

    def _reply(self, handshake: Handshake, response: httpx.Response, host: str) -> str:
        _from_exchange(response, host)
        wire: Wire = response.extensions["network_stream"]
        tls = wire.get_extra_info("ssl_object") if self.send_cbt else None
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        binding = tls_server_end_point(certificate) if certificate is not None else None
        authorization = handshake.reply(JoinedHeaders.of(response), binding)
        if not wire.is_open:
            raise ExchangeUnreachable(f"{host} closes the connection during the log-in")
        return authorization


class BasicLogin(httpx.Auth):
    """HTTP Basic (RFC 7617), which is sent with every request; unless `trusted`, the server has to ask for it first.

    This way, a server's problem, or a log-in page in front of it, is seen without sending it a password.
    """

    def __init__(self, credential: Credential, cookies: httpx.Cookies, sending: Sending, *, trusted: bool) -> None:
        self._credential = credential
        self._cookies = cookies
        self._sending = sending
        self._trusted = trusted
        self.sent = False
        self.failure: ExchangeFailure | None = None

    async def async_auth_flow(self, request: httpx.Request) -> Flow:
        """Yield a question without body and password if the log-in is not trusted, then `request`."""
        if not self._trusted:
            response = yield _opening(request)
            await response.aread()
            if response.status_code != UNAUTHORIZED:
                return
            try:
                _asked_for_basic(response, request.url.host)
            except ExchangeFailure as failure:
                self.failure = failure
                return
            self._cookies.set_cookie_header(request)
        await self._sending()
        self.sent = True
        request.headers["Authorization"] = basic_authorization(self._credential)
        yield request


PasswordLogin = NtlmLogin | BasicLogin


class BearerLogin(httpx.Auth):
    """A token that is sent with every request (RFC 6750), and hears how it was received."""

    def __init__(self, token: RequestAuth) -> None:
        self._token = token

    async def async_auth_flow(self, request: httpx.Request) -> Flow:
        """Yield `request` with the token. Raises the failures of its issuer."""
        authorization = await self._token.authorization()
        request.headers["Authorization"] = authorization
        response = yield request
        if response.status_code == UNAUTHORIZED:
            body = await response.aread()
            self._token.refused(authorization, request.url.host, JoinedHeaders.of(response), body)
        else:
            self._token.accepted()


def _opening(request: httpx.Request, authorization: str = "") -> httpx.Request:
    """Return a request that opens a log-in for `request`: without its body, and with a shorter time limit."""
    headers = httpx.Headers([(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"])
    if authorization:
        headers["Authorization"] = authorization
    limits = {**request.extensions["timeout"], "read": OPENING_SECONDS}
    extensions = {**request.extensions, "timeout": limits, "opens": True}
    return httpx.Request(request.method, request.url, headers=headers, content=b"", extensions=extensions)


def _asked_for_basic(response: httpx.Response, host: str) -> None:
    """Raise `LoginPage` or `LoginMethodNotOffered` unless a 401 asks for HTTP Basic."""
    _from_exchange(response, host)
    offers = offered(JoinedHeaders.of(response))
    if "basic" not in offers:
        raise not_offered(host, "Basic", offers)


def _from_exchange(response: httpx.Response, host: str) -> None:
    """Raise `LoginPage` if a 401 comes from something in front of Exchange that wants people to log in."""
    stranger = what_answers(response.status_code, JoinedHeaders.of(response), response.content)
    if stranger is not None:
        raise type(stranger)(f"{host}: {stranger.detail}").in_words(stranger.meaning, stranger.remedy)
