"""Opening the WebSocket to the PBX, and naming what may go wrong with it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

from engine.core.settings.model import PbxSettings
from engine.pbx.failures import NotAPbx, PbxCertificateNotTrusted, PbxFailure, PbxNotUnderstood, PbxUnreachable
from engine.pbx.messages import MAX_ACCEPTED_BYTES, MAX_MESSAGE_BYTES
from engine.pbx.tls import presented_fingerprint

_PATH = "/PBX0/APPS/websocket"
_HEARTBEAT_SECONDS = 30.0
_CLOSING_SECONDS = 1.0

WebSocket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


@asynccontextmanager
async def dial(settings: PbxSettings, tls: ssl.SSLContext | None) -> AsyncIterator[WebSocket]:
    """Connect to wss://host:port/PBX0/APPS/websocket (innovaphone SDK, AppWebsocket); ws:// without `settings.tls`.

    A fingerprint in the settings is compared in place of what `tls` verifies. How long it may take is up to the
    caller. Raises `PbxUnreachable`, `PbxCertificateNotTrusted`, `NotAPbx`.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=None)) as http:
        try:
            socket = await http.ws_connect(
                URL.build(scheme="wss" if settings.tls else "ws", host=settings.host, port=settings.port, path=_PATH),
                ssl=_trust(settings, tls),
                heartbeat=_HEARTBEAT_SECONDS,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise await _named(error, settings) from error
        async with socket:
            yield socket


def new_server_socket() -> web.WebSocketResponse:
    """Return the response that makes a WebSocket of a request.

    No compression, and less at once than when we dial: whoever connects can make us hold that much before the log-in.
    """
    return web.WebSocketResponse(
        heartbeat=_HEARTBEAT_SECONDS, max_msg_size=MAX_ACCEPTED_BYTES, compress=False, timeout=_CLOSING_SECONDS
    )


@asynccontextmanager
async def accepted(socket: web.WebSocketResponse) -> AsyncIterator[WebSocket]:
    """Use a WebSocket that the PBX opened, and close it at the end."""
    try:
        yield socket
    finally:
        await socket.close()


async def texts(socket: WebSocket) -> AsyncIterator[str]:
    """Yield the text messages that come in until the connection ends.

    Raises `PbxNotUnderstood` when the peer breaks the WebSocket protocol or sends too much at once.
    """
    async for frame in socket:
        if frame.type is aiohttp.WSMsgType.TEXT:
            yield frame.data
        elif frame.type is aiohttp.WSMsgType.ERROR and isinstance(frame.data, aiohttp.WebSocketError):
            raise PbxNotUnderstood(str(frame.data))


def reason_of_end(socket: WebSocket) -> str:
    """Return why a connection has ended, as far as can be told."""
    return str(socket.exception() or f"code {socket.close_code}")


def was_closed_on_purpose(socket: WebSocket) -> bool:
    """Tell whether the peer closed a connection that has ended, rather than that it was lost."""
    return socket.close_code not in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE, aiohttp.WSCloseCode.GOING_AWAY)


def _trust(settings: PbxSettings, tls: ssl.SSLContext | None) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    if settings.fingerprint:
        return aiohttp.Fingerprint(bytes.fromhex(settings.fingerprint.replace(":", "")))
    return tls or True


async def _named(error: Exception, settings: PbxSettings) -> PbxFailure:
    address = f"{settings.host}:{settings.port}"
    match error:
        case aiohttp.ClientConnectorCertificateError():
            shown = await presented_fingerprint(settings.host, settings.port) or "unknown"
            reason = _reason(error.certificate_error)
            return PbxCertificateNotTrusted(f"{address}: {reason}. The SHA-256 of what it shows is {shown}")
        case aiohttp.ServerFingerprintMismatch():
            return PbxCertificateNotTrusted(
                f"{address} does not show the certificate of pbx.fingerprint, but the one with the SHA-256 "
                f"{error.got.hex(':').upper()}"
            )
        case aiohttp.ClientSSLError():
            return NotAPbx(f"{address} does not speak TLS as expected ({error.os_error})")
        case aiohttp.ClientResponseError() if error.status >= 500:
            return PbxUnreachable(f"{address}: HTTP {error.status}")
        case aiohttp.ClientResponseError():
            return NotAPbx(f"{address}: HTTP {error.status} {error.message}".rstrip())
        case aiohttp.ClientConnectorError():
            return PbxUnreachable(f"{address}: {error.os_error.strerror or error.os_error}")
    return PbxUnreachable(f"{address}: {error}")


def _reason(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
