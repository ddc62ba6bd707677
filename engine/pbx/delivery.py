"""Writes under a claim: no presence may reach the PBX after the claim that it is sent under has ended.

The claim is compared at the last moment, right before the message is handed to the transport; what lies behind that
must not keep a message for later:

- The buffers of the transport, and of the one beneath TLS, are empty before a message is sent, and after it: so it is
  in the kernel as a whole, or the connection is reset at once.
- The kernel gives up what the PBX has not acknowledged for a tenth of the lease (TCP_USER_TIMEOUT), also while this
  process is stopped. Closing the connection is a reset, which discards what was not sent (SO_LINGER).
- If the PBX has not answered by that time after the end of the claim, the connection is reset. Not at once: a claim
  that is given back ends as well, and most answers are on their way.

Only the time between the comparison and the call of the kernel is left: the claim is compared again after it, and
whoever wanted the write learns that it may have come too late.
"""

import asyncio
import socket as sockets
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.core.claims import Claim, LeaseEnded, WrittenTooLate
from engine.core.clock import Clock
from engine.pbx.errors import Ender, PbxConnectionLost
from engine.pbx.protocol import Message, encode, text_of
from engine.pbx.requests import Requests
from engine.pbx.websocket import WebSocket, lost, send

LOOK = timedelta(milliseconds=100)
"""How often to compare the claims of what the PBX has not answered yet, and to look whether buffers are empty."""

_RESET_AT_THE_END = struct.pack("ii", 1, 0)
"""The value of SO_LINGER: closing sends a reset instead of what is left."""

_WITHOUT_LIMIT = sys.maxsize
"""The library would wait, after sending and before the claim is compared again, for a buffer above its limit to empty.
What is held here is limited by the time that the kernel waits for the PBX."""


@dataclass(frozen=True, slots=True)
class ClaimedWrite:
    """A request that may be sent only while `claim` holds."""

    message: Message
    claim: Claim


@dataclass(slots=True)
class _Unanswered:
    """A write that the PBX has not answered yet, and since when its claim is over."""

    claim: Claim
    over_since: datetime | None = None


class Delivery:
    """The writes of one connection under a lease. `undelivered_for` is how long the kernel waits for the PBX to
    acknowledge what was sent; `sent` is told what was handed to the transport."""

    def __init__(
        self, requests: Requests, clock: Clock, undelivered_for: timedelta, *, sent: Callable[[str], None]
    ) -> None:
        self._requests = requests
        self._clock = clock
        self._undelivered_for = undelivered_for
        self._sent = sent
        self._unanswered: dict[str, _Unanswered] = {}
        self._has_unanswered = asyncio.Event()

    def limit(self, socket: WebSocket) -> None:
        """Have the kernel give up what the PBX does not acknowledge, and discard it with a reset. Raises
        `PbxConnectionLost`."""
        below, transport = socket.get_extra_info("socket"), _transport_of(socket)
        if below is None or transport is None:
            raise lost(socket)
        transport.set_write_buffer_limits(high=_WITHOUT_LIMIT)
        milliseconds = round(self._undelivered_for / timedelta(milliseconds=1))
        try:
            below.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, milliseconds)
            below.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _RESET_AT_THE_END)
        except OSError as error:
            raise PbxConnectionLost(f"the time to deliver cannot be limited: {error}", Ender.NETWORK) from error

    async def send(self, socket: WebSocket, write: ClaimedWrite) -> None:
        """Send a request unless its claim has ended; then it fails with `LeaseEnded`.

        Raises `PbxConnectionLost`, also after resetting a connection that could deliver the request too late.
        """
        src, text = text_of(write.message, "src"), encode(write.message)
        while _is_held(socket) and write.claim.holds():
            await self._clock.sleep_until(self._clock.now() + LOOK)
        if not write.claim.holds():
            self._requests.fail(src, LeaseEnded("nothing was sent"))
            return
        await send(socket, text)  # Nothing may come between the comparison and this.
        if not write.claim.holds():
            self._requests.fail(src, WrittenTooLate())
            raise _reset(socket, "the lease ended while a presence was sent")
        self._sent(text)
        if _is_held(socket):
            raise _reset(socket, "the PBX reads nothing, so that a presence would be delivered too late")
        self._unanswered[src] = _Unanswered(write.claim)
        self._has_unanswered.set()

    async def watch(self, socket: WebSocket) -> None:
        """Reset the connection when a claim is over and the PBX still has not answered. Raises `PbxConnectionLost`
        then."""
        while True:
            await self._has_unanswered.wait()
            await self._clock.sleep_until(self._clock.now() + LOOK)
            waits_for = self._requests.waits_for
            self._unanswered = {src: write for src, write in self._unanswered.items() if waits_for(src)}
            if any(self._is_overdue(write) for write in self._unanswered.values()):
                raise _reset(socket, "the lease ended before the PBX had answered about a presence")
            if not self._unanswered:
                self._has_unanswered.clear()

    def _is_overdue(self, write: _Unanswered) -> bool:
        now = self._clock.now()
        if write.over_since is None and not write.claim.holds():
            write.over_since = now
        return write.over_since is not None and now >= write.over_since + self._undelivered_for


def _reset(socket: WebSocket, reason: str) -> PbxConnectionLost:
    """Discard what the PBX has not got yet, and return the failure for the connection."""
    transport = _transport_of(socket)
    if transport is not None:
        transport.abort()
    return PbxConnectionLost(reason, Ender.ENGINE)


def _is_held(socket: WebSocket) -> bool:
    """Return whether something that was sent is still in this process; not of a connection that has ended."""
    transport = _transport_of(socket)
    if transport is None or transport.is_closing():
        return False
    if transport.get_write_buffer_size():
        return True
    if transport.get_extra_info("ssl_object") is None:
        return False
    beneath = transport._ssl_protocol._transport  # noqa: SLF001 - TLS does not give out the transport that it uses
    return beneath is not None and bool(beneath.get_write_buffer_size())


def _transport_of(socket: WebSocket) -> Any:
    """Return the transport of a connection, None once it has ended."""
    writer = socket._writer  # noqa: SLF001 - there is no other way to the transport, which is the same on both sides
    return None if writer is None else writer.transport
