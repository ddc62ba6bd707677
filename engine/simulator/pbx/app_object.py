"""An App object of the simulated PBX for which the PBX itself opens the WebSocket."""

import contextlib
import socket
import ssl
from dataclasses import dataclass

import aiohttp

from engine.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppObject:
    """An App object with "Websocket" ticked. `url` is its URL, `password` None the one of the PBX's other object.

    `apis` None: as the PBX's behaviour says. With `user` it is not the object that logs in but a user opening the app;
    such a log-in `names_object` or does not, as in the examples of the SDK.
    """

    url: str
    name: str = "calendar"
    dn: str = "Calendar & Präsenz"
    guid: str = "aa000000000000000000000000000001"
    password: Secret | None = None
    apis: frozenset[str] | None = None
    user: str = ""
    names_object: bool = True

    @property
    def app(self) -> str:
        """The last part of the URL, by which the log-in names the app."""
        return self.url.rpartition("/")[2]

    @property
    def websocket_url(self) -> str:
        """Where the PBX connects: the URL without its last part (innovaphone SDK, AppWebsocket)."""
        return "ws" + self.url.rpartition("/")[0].removeprefix("http")


async def connect(
    http: aiohttp.ClientSession, app_object: AppObject, tls: ssl.SSLContext | None, *, answers_pings: bool
) -> aiohttp.ClientWebSocketResponse:
    """Open the WebSocket. Raises aiohttp.ClientError."""
    return await http.ws_connect(
        app_object.websocket_url, ssl=tls or True, max_msg_size=0, compress=0, autoping=answers_pings
    )


def cut(connection: aiohttp.ClientWebSocketResponse) -> None:
    """Break the TCP connection off."""
    end = connection.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it has ended already
        end.shutdown(socket.SHUT_RDWR)


def close_behind(connection: aiohttp.ClientWebSocketResponse) -> None:
    """Close the TCP connection behind what was sent, without a word of the WebSocket protocol."""
    kept = connection._response.connection  # noqa: SLF001 - there is no other way to the transport
    if kept is not None and kept.transport is not None:
        kept.transport.close()
