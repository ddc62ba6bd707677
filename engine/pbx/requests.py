"""Presence requests in flight: each is told its own answer by its src, however they come back."""

import asyncio
import itertools
from collections.abc import Callable

from engine.pbx.deadlines import Deadlines
from engine.pbx.failures import PbxFailure, PbxUnreachable, PresenceRefused, PresenceUnanswered
from engine.pbx.messages import Message, refusal_of
from engine.pbx.session import ApiMessage

_ANSWERS = frozenset({"SetPresenceResult", "PresenceUpdate"})


class Requests:
    """The requests of one connection."""

    def __init__(self, deadlines: Deadlines, send: Callable[[Message], None]) -> None:
        self._deadlines = deadlines
        self._send = send
        self._numbers = itertools.count(1)
        self._in_flight: dict[str, asyncio.Future[Message]] = {}
        self._closed = False

    async def ask(self, request: Message, *, afterwards: Message | None = None) -> Message:
        """Send `request`, return its answer; `afterwards` is sent under the same src when it is over.

        Raises `PresenceRefused` when the PBX answers an error, `PresenceUnanswered` when it does not answer, and
        `PbxUnreachable` when the connection ends.
        """
        if self._closed:
            raise PbxUnreachable("the connection is closed")
        src = f"presence-{next(self._numbers)}"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._in_flight[src] = answer
        unanswered = PresenceUnanswered(f"{request['mt']} was not answered")
        self._deadlines.expect(src, lambda: _fail(answer, unanswered))
        self._send({**request, "src": src})
        try:
            return await answer
        finally:
            del self._in_flight[src]
            self._deadlines.met(src)
            if afterwards is not None:
                self._send({**afterwards, "src": src})

    def receive(self, message: ApiMessage) -> None:
        """Take one message of PbxApi; what belongs to no request in flight is passed over."""
        answer = self._in_flight.get(message.src)
        if answer is None:
            return
        if reason := refusal_of(message.body):
            _fail(answer, PresenceRefused(reason))
        elif message.mt in _ANSWERS and not answer.done():
            answer.set_result(message.body)

    def close(self) -> None:
        """Fail everything in flight and whatever is asked from now on."""
        self._closed = True
        for answer in self._in_flight.values():
            _fail(answer, PbxUnreachable("the connection broke off"))


def _fail(answer: asyncio.Future[Message], failure: PbxFailure) -> None:
    if not answer.done():
        answer.set_exception(failure)
