"""Opens the WebSocket to the PBX over TLS, and turns errors into named failures."""

import socket as sockets
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from engine.core.expiry import Expiries, Expiring
from engine.display import one_line
from engine.pbx.errors import (
    Ender,
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxConnectionLost,
    PbxFailure,
    PbxNotUnderstood,
    PbxTlsImpossible,
    PbxUnreachable,
)
from engine.pbx.protocol import MAX_ACCEPTED_BYTES, MAX_MESSAGE_BYTES
from engine.settings.model import PbxSettings
from engine.tls import contexts
from engine.tls.certificate import Certificate, end_of
from engine.tls.contexts import speaks_tls
from engine.tls.shown import shown_certificate
from engine.tls.verdict import Server, verdict


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the TLS context for the PBX. Raises `PbxCertificateNotTrusted` if `ca_file` cannot be used."""
    try:
        return contexts.verified_context(ca_file)
    except OSError as error:
        raise PbxCertificateNotTrusted(f"pbx.ca_file {ca_file}: {error.strerror or error}") from error


def not_trusted(
    settings: PbxSettings, error: ssl.SSLCertVerificationError, shown: Certificate | None
) -> PbxCertificateNotTrusted:
    """Return the failure that explains what is wrong with the certificate that was `shown`.

    Certificates are judged by the machine's own time, so no injected clock is used here.
    """
    server = Server("PBX", settings.host, f"{settings.host}:{settings.port}", "pbx.ca_file", "pbx.host")
    found = verdict(server, error.verify_code, error.verify_message, shown, datetime.now(UTC))
    remedy = found.remedy
    if shown is not None:
        remedy += (
            " Or compare its SHA-256 with the one that the PBX itself shows for its certificate, and set "
            f'pbx.fingerprint = "{shown.fingerprint}".'
        )
    return PbxCertificateNotTrusted(found.detail).in_words(found.meaning, remedy)


_PATH = "/PBX0/APPS/websocket"
_CLOSING_SECONDS = 1.0
_LONGEST_REASON = 200

_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 60_000}
"""TCP options in seconds, a count, and milliseconds; each system has some of them to detect that the other machine is
gone. The machine itself answers, so they say nothing about the program on it."""

WebSocket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class Sign(Enum):
    """Anything received other than text."""

    PONG = auto()
    """The answer to one of our pings."""
    OTHER = auto()
    """A ping, which has been answered, or bytes, which have no meaning."""
    END = auto()
    """The connection has ended."""


class _NoRedirects(aiohttp.TraceConfig):
    """Refuses redirects: the digest is for the configured PBX, and TLS is verified for that name."""

    def __init__(self) -> None:
        super().__init__()
        self.on_request_redirect.append(self._refuse)

    async def _refuse(self, _: aiohttp.ClientSession, __: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
        answer = redirect.response
        there = one_line(answer.headers.get("Location", ""), _LONGEST_REASON)
        place = f"{answer.url.host}:{answer.url.port}"
        raise NotAPbx(f"{place}: HTTP {answer.status}, which redirects to {there or 'nowhere'}")


def shown_url(settings: PbxSettings) -> str:
    """Return the URL that the engine connects to, as it is shown, even if no such URL is possible."""
    return f"{_scheme(settings)}://{settings.host}:{settings.port}{_PATH}"


def _scheme(settings: PbxSettings) -> str:
    return "wss" if settings.tls else "ws"


@asynccontextmanager
async def dial(
    settings: PbxSettings, tls: ssl.SSLContext | None, expiries: Expiries | None = None
) -> AsyncIterator[WebSocket]:
    """Connect to wss://host:port/PBX0/APPS/websocket (innovaphone SDK, AppWebsocket); ws:// without `settings.tls`.

    A fingerprint in the settings replaces the verification by `tls`. The end of the certificate is noted in `expiries`.
    The caller limits the time. Raises `PbxUnreachable`, `PbxCertificateNotTrusted`, `NotAPbx`.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
    async with aiohttp.ClientSession(timeout=timeout, trace_configs=[_NoRedirects()]) as http:
        try:
            socket = await http.ws_connect(
                URL.build(scheme=_scheme(settings), host=settings.host, port=settings.port, path=_PATH),
                ssl=_trust(settings, tls),
                autoping=False,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),
            )
        except PbxFailure:
            raise
        except Exception as error:  # any error of the transport
            raise await _named(error, settings) from error
        keep_alive(socket.get_extra_info("socket"))
        if expiries is not None and (ends := end_of(socket.get_extra_info("ssl_object"))) is not None:
            expiries.note(Expiring.PBX_CERTIFICATE, ends, f"{settings.host}:{settings.port}")
        async with _closed_at_the_end(socket):
            yield socket


def new_server_socket() -> web.WebSocketResponse:
    """Return the response that turns a request into a WebSocket.

    No compression, and a lower limit than when the engine dials: any peer can make us hold that much before its log-in.
    """
    return web.WebSocketResponse(
        autoping=False, max_msg_size=MAX_ACCEPTED_BYTES, compress=False, timeout=_CLOSING_SECONDS
    )


@asynccontextmanager
async def accepted(socket: web.WebSocketResponse) -> AsyncIterator[WebSocket]:
    """Use a WebSocket that the PBX opened, and close it at the end."""
    async with _closed_at_the_end(socket):
        yield socket


@asynccontextmanager
async def _closed_at_the_end(socket: WebSocket) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with suppress(Exception):  # it is over in any case
            await socket.close()


def keep_alive(socket: Any) -> None:
    """Let the system detect that the other machine is gone; `socket` is the one that asyncio gives out."""
    with suppress(OSError, AttributeError):
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(sockets, name):
                socket.setsockopt(sockets.IPPROTO_TCP, getattr(sockets, name), value)


async def receive(socket: WebSocket) -> str | Sign:
    """Return the next text or sign; pings are answered.

    Raises `PbxNotUnderstood` when the peer breaks the WebSocket protocol or sends too much at once, and
    `PbxConnectionLost` for any other error of the transport.
    """
    with _lost():
        frame = await socket.receive()
    match frame.type:
        case aiohttp.WSMsgType.TEXT:
            return str(frame.data)
        case aiohttp.WSMsgType.PONG:
            return Sign.PONG
        case aiohttp.WSMsgType.PING:
            with suppress(Exception):  # the peer may have closed already: the next frame shows it
                await socket.pong(frame.data)
            return Sign.OTHER
        case aiohttp.WSMsgType.ERROR if isinstance(frame.data, aiohttp.WebSocketError):
            raise PbxNotUnderstood(one_line(str(frame.data), _LONGEST_REASON))
        case aiohttp.WSMsgType.BINARY:
            return Sign.OTHER
    return Sign.END


async def send(socket: WebSocket, text: str) -> None:
    """Send a text. Raises `PbxConnectionLost`."""
    with _lost():
        await socket.send_str(text)


async def ping(socket: WebSocket) -> None:
    """Send a ping. Raises `PbxConnectionLost`."""
    with _lost():
        await socket.ping()


def lost(socket: WebSocket) -> PbxConnectionLost:
    """Return the failure for a connection that has ended."""
    if was_closed_on_purpose(socket):
        return PbxConnectionLost(f"the PBX closed it (code {socket.close_code})", Ender.PBX)
    reason = one_line(str(socket.exception() or ""), _LONGEST_REASON)
    return PbxConnectionLost(reason or f"it ended without a reason (code {socket.close_code})", Ender.NETWORK)


def was_closed_on_purpose(socket: WebSocket) -> bool:
    """Return whether a connection that has ended was closed by the peer rather than lost."""
    return socket.close_code not in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE, aiohttp.WSCloseCode.GOING_AWAY)


@contextmanager
def _lost() -> Iterator[None]:
    """Turn any error of the transport into `PbxConnectionLost`."""
    try:
        yield
    except Exception as error:
        reason = one_line(str(error), _LONGEST_REASON) or type(error).__name__
        raise PbxConnectionLost(reason, Ender.NETWORK) from error


def _trust(settings: PbxSettings, tls: ssl.SSLContext | None) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    if settings.fingerprint:
        return aiohttp.Fingerprint(bytes.fromhex(settings.fingerprint.replace(":", "")))
    return tls or True


async def _named(error: Exception, settings: PbxSettings) -> PbxFailure:
    address = f"{settings.host}:{settings.port}"
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as untrusted):
            return not_trusted(settings, untrusted, await shown_certificate(settings.host, settings.port))
        case aiohttp.ServerFingerprintMismatch():
            return PbxCertificateNotTrusted(
                f"{address} does not present the certificate of pbx.fingerprint, but the one with the SHA-256 "
                f"{error.got.hex(':').upper()}"
            )
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError() as failed) if speaks_tls(failed):
            return PbxTlsImpossible(f"{address}: {error.os_error}")
        case aiohttp.ClientSSLError():
            return NotAPbx(f"{address} does not speak TLS as expected ({error.os_error})")
        case aiohttp.ClientResponseError() if error.status >= 500:
            return PbxUnreachable(f"{address}: HTTP {error.status}")
        case aiohttp.ClientResponseError():
            return NotAPbx(f"{address}: HTTP {error.status} {one_line(error.message, _LONGEST_REASON)}".rstrip())
        case aiohttp.ClientConnectorError():
            return PbxUnreachable(f"{address}: {error.os_error.strerror or error.os_error}")
    return PbxUnreachable(f"{address}: {one_line(str(error), _LONGEST_REASON) or type(error).__name__}")
