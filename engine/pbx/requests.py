"""Requests in flight: answers are matched by `src`, and every request has a deadline."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.pbx.errors import PbxUnreachable, PresenceRefused, PresenceUnanswered
from engine.pbx.protocol import ApiMessage, Message, refusal_of

ANSWER_TIME = timedelta(seconds=10)


class Deadlines:
    """Deadlines of events expected within `ANSWER_TIME`, by name. As all have the same time, they expire in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, tuple[datetime, Callable[[], None]]] = {}

    def expect(self, name: str, missed: Callable[[], None]) -> None:
        """Call `missed` unless `name` is met in time; an earlier deadline of that name is replaced."""
        self.met(name)
        self._expected[name] = (self._clock.now() + ANSWER_TIME, missed)

    def met(self, name: str) -> None:
        """Cancel a deadline: the expected event has happened, or no longer matters."""
        self._expected.pop(name, None)

    def next_look(self) -> datetime:
        """Return when to call `expire` next; nothing is due before, not even a deadline added in the meantime."""
        for instant, _ in self._expected.values():
            return instant
        return self._clock.now() + ANSWER_TIME

    def expire(self) -> None:
        """Call `missed` of every overdue deadline."""
        now = self._clock.now()
        overdue = [(name, missed) for name, (instant, missed) in self._expected.items() if instant <= now]
        for name, missed in overdue:
            self.met(name)
            missed()


_UPDATE = "PresenceUpdate"
_ANSWERS = frozenset({"SetPresenceResult", _UPDATE})

_ANSWERED_BY = {
    "SetPresence": frozenset({"SetPresenceResult"}),
    "SubscribePresence": frozenset({"SubscribePresenceResult", _UPDATE}),
}
"""The messages that answer each request."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request in flight."""

    mt: str
    answer: asyncio.Future[Message]

    def may_be_answered_by(self, mt: str) -> bool:
        """Return whether it is still waiting for a message of this type."""
        return not self.answer.done() and mt in _ANSWERED_BY.get(self.mt, ())


class Requests:
    """The requests of one connection. `unanswered` is called for each that was not answered in time.

    Some peers leave out the src. A result without one belongs to the oldest request that waits for such a result,
    because peers answer in order; an update, which may come at any time, belongs to the only one that waits. Once a
    peer has left out a src, only one request is in flight at a time.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        send: Callable[[Message], None],
        unanswered: Callable[[], None] = lambda: None,
    ) -> None:
        self._deadlines = deadlines
        self._send = send
        self._unanswered = unanswered
        self._numbers = itertools.count(1)
        self._in_flight: dict[str, _Asked] = {}
        self._one_at_a_time: asyncio.Lock | None = None
        self._closed = False

    async def ask(
        self,
        request: Message,
        *,
        afterwards: Message | None = None,
        send: Callable[[Message], None] | None = None,
    ) -> Message:
        """Send `request`, by `send` if that is given, and return its answer; `afterwards` is then sent with the same
        src.

        Raises `PresenceRefused` when the PBX answers an error, `PresenceUnanswered` when it does not answer, and
        `PbxUnreachable` when the connection ends.
        """
        if self._one_at_a_time is None:
            return await self._ask(request, afterwards, send or self._send)
        async with self._one_at_a_time:
            return await self._ask(request, afterwards, send or self._send)

    async def _ask(self, request: Message, afterwards: Message | None, send: Callable[[Message], None]) -> Message:
        if self._closed:
            raise PbxUnreachable("the connection is closed")
        src = f"presence-{next(self._numbers)}"
        asked = _Asked(str(request["mt"]), asyncio.get_running_loop().create_future())
        self._in_flight[src] = asked
        self._deadlines.expect(src, lambda: self._missed(asked))
        send({**request, "src": src})
        try:
            return await asked.answer
        finally:
            del self._in_flight[src]
            self._deadlines.met(src)
            if afterwards is not None and not self._closed:
                self._send({**afterwards, "src": src})

    def receive(self, message: ApiMessage) -> None:
        """Process one message of PbxApi; a message that belongs to no request in flight is ignored."""
        asked = self._in_flight.get(message.src) if message.src else self._without_src(message.mt)
        if asked is None or asked.answer.done():
            return
        if reason := refusal_of(message.body):
            _fail(asked.answer, PresenceRefused(reason))
        elif message.mt in _ANSWERS:
            asked.answer.set_result(message.body)

    def waits_for(self, src: str) -> bool:
        """Return whether somebody waits for the answer to the request with this label."""
        asked = self._in_flight.get(src)
        return asked is not None and not asked.answer.done()

    def fail(self, src: str, failure: Failure) -> None:
        """Fail the request with this label, unless nobody waits for its answer any more."""
        if self.waits_for(src):
            _fail(self._in_flight[src].answer, failure)

    def close(self) -> None:
        """Fail all requests in flight and all later ones."""
        self._closed = True
        for asked in self._in_flight.values():
            _fail(asked.answer, PbxUnreachable("the connection was lost"))

    def _without_src(self, mt: str) -> _Asked | None:
        waiting = [asked for asked in self._in_flight.values() if asked.may_be_answered_by(mt)]
        if waiting and self._one_at_a_time is None:
            self._one_at_a_time = asyncio.Lock()
        return waiting[0] if len(waiting) == 1 or (waiting and mt != _UPDATE) else None

    def _missed(self, asked: _Asked) -> None:
        self._unanswered()
        _fail(asked.answer, PresenceUnanswered(f"{asked.mt} was not answered"))


def _fail(answer: asyncio.Future[Message], failure: Failure) -> None:
    if not answer.done():
        answer.set_exception(failure)
