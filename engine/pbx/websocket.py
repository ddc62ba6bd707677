"""Opening the WebSocket to the PBX, and naming what may go wrong with it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from engine.core.settings.model import PbxSettings
from engine.pbx.failures import NotAPbx, PbxCertificateNotTrusted, PbxFailure, PbxNotUnderstood, PbxUnreachable
from engine.pbx.messages import MAX_MESSAGE_BYTES

_PATH = "/PBX0/APPS/websocket"
_HEARTBEAT_SECONDS = 30.0
_CLOSING_SECONDS = 1.0

WebSocket = aiohttp.ClientWebSocketResponse


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
            raise _named(error, f"{settings.host}:{settings.port}") from error
        async with socket:
            yield socket


async def texts(socket: WebSocket) -> AsyncIterator[str]:
    """Yield the text messages that come in. Always ends in a failure, as the PBX never has reason to close.

    Raises `PbxUnreachable`, or `PbxNotUnderstood` when it breaks the WebSocket protocol or sends too much at once.
    """
    async for frame in socket:
        if frame.type is aiohttp.WSMsgType.TEXT:
            yield frame.data
        elif frame.type is aiohttp.WSMsgType.ERROR and isinstance(frame.data, aiohttp.WebSocketError):
            raise PbxNotUnderstood(str(frame.data))
    raise PbxUnreachable(f"the connection broke off ({socket.exception() or f'code {socket.close_code}'})")


def _trust(settings: PbxSettings, tls: ssl.SSLContext | None) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    if settings.fingerprint:
        return aiohttp.Fingerprint(bytes.fromhex(settings.fingerprint.replace(":", "")))
    return tls or True


def _named(error: Exception, address: str) -> PbxFailure:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return PbxCertificateNotTrusted(f"{address}: {_reason(error.certificate_error)}")
        case aiohttp.ServerFingerprintMismatch():
            return PbxCertificateNotTrusted(f"{address} has the fingerprint {error.got.hex()}")
        case aiohttp.ClientSSLError():
            return NotAPbx(f"{address} does not speak TLS as expected ({error.os_error})")
        case aiohttp.ClientResponseError() if error.status >= 500:
            return PbxUnreachable(f"{address}: HTTP {error.status}")
        case aiohttp.ClientResponseError():
            return NotAPbx(f"{address}: HTTP {error.status} {error.message}".rstrip())
    return PbxUnreachable(f"{address}: {error}")


def _reason(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
