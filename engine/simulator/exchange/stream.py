"""One hanging GetStreamingEvents answer: a sequence of envelopes that ends when it is closed, or when told to."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.soap import M, Refusal, T, answer, failure, success
from engine.simulator.exchange.xml import Element
from engine.simulator.faults import Ending, StreamEnds

OPERATION = "GetStreamingEvents"
DECLARATION_ENDS = b"?>"


class BrokenOff(Exception):
    """The connection is to be broken off, without an end of the answer."""


class Stream:
    """A connection as the server sees it. `charged` is who pays for it, the account or the impersonated mailbox.

    `take` gives the notifications that wait, `leave` is called when the connection is over. A test may break it in
    many ways: `close`, `fail`, `cut`, `silence`, `say`, `end_early`, and `chunk_bytes` for the size of the pieces it is
    sent in.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        charged: str,
        *,
        take: Callable[[], list[Element]],
        leave: Callable[["Stream"], None],
    ) -> None:
        self.charged = charged
        self.chunk_bytes: int | None = None
        self._behaviour = behaviour
        self._take = take
        self._leave = leave
        self._more = asyncio.Event()
        self._said: list[bytes] = []
        self._reported: set[str] = set()
        self._ending: Element | None = None
        self._early: list[bytes] | None = None
        self._silent = False
        self._cut = False

    def wake(self) -> None:
        """Send what waits."""
        self._more.set()

    def close(self) -> None:
        """End the answer in order: the connection's time is over, the subscriptions live on."""
        self._end(success(OPERATION, M("ConnectionStatus", "Closed")))

    def fail(self, code: str) -> None:
        """End the answer with a response code."""
        problem = Refusal(code, "Simulated.")
        self._end(failure(OPERATION, problem, M("ConnectionStatus", "Closed")))

    def cut(self) -> None:
        """Break the connection off."""
        self._cut = True
        self.wake()

    def silence(self) -> None:
        """Send not a byte more, and leave the connection open."""
        self._silent = True

    def say(self, content: bytes) -> None:
        """Send any bytes."""
        self._said.append(content)
        self.wake()

    def end_early(self, ends: StreamEnds, identifiers: Sequence[str]) -> None:
        """Send what `ends` says instead of everything else; `identifiers` are those of all subscriptions."""
        problem, closed = Refusal(ends.code, "Simulated."), M("ConnectionStatus", "Closed")
        signs = [success(OPERATION, M("ConnectionStatus", "OK"))] * ends.envelopes
        self._cut = ends.how is Ending.CUT
        match ends.how:
            case Ending.CLOSED:
                signs.append(success(OPERATION, closed))
            case Ending.UNKNOWN:
                ids = M("ErrorSubscriptionIds", *(T("SubscriptionId", each) for each in identifiers))
                signs.append(failure(OPERATION, problem, ids, closed))
            case Ending.CODE:
                signs.append(failure(OPERATION, problem, closed))
            case Ending.HALF | Ending.CUT | Ending.SILENTLY:
                pass
        self._early = [_envelope(each) for each in signs]
        if ends.how is Ending.HALF:
            self._early.append(self._heartbeat()[:200])

    def report(self, identifiers: Sequence[str]) -> None:
        """Tell that these subscriptions are not there; the others on the connection get nothing any more."""
        problem = Refusal("ErrorSubscriptionNotFound", "The subscription was not found.")
        lost = M("ErrorSubscriptionIds", *(T("SubscriptionId", each) for each in identifiers))
        self._reported.update(identifiers)
        self.say(_envelope(failure(OPERATION, problem, lost)))

    async def chunks(self, seconds: float) -> AsyncGenerator[bytes, None]:
        """Yield the answer's bytes until its time is over. Raises BrokenOff to have the connection cut."""
        loop = asyncio.get_running_loop()
        over = loop.time() + seconds
        try:
            if self._early is not None:
                for envelope in self._early:
                    yield envelope
                if self._cut:
                    raise BrokenOff
                return
            yield _envelope(success(OPERATION, M("ConnectionStatus", "OK")))
            while self._ending is None:
                for envelope in self._due():
                    for piece in _pieces(envelope, self.chunk_bytes):
                        yield piece
                self._more.clear()
                if self._ending is None:
                    await self._wait(min(self._behaviour.heartbeat_seconds, over - loop.time()))
                if self._cut:
                    raise BrokenOff
                if loop.time() >= over:
                    self.close()
            if not self._silent:
                yield self._follow_up(self._ending)
        finally:
            self._leave(self)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._more.wait()
        except TimeoutError:
            self._said.append(self._heartbeat())

    def _due(self) -> list[bytes]:
        if self._silent:
            self._said.clear()
            return []
        due, self._said = self._said, []
        if not self._reported and (notifications := self._take()):
            due.append(self._follow_up(success(OPERATION, M("Notifications", *notifications))))
        return due

    def _heartbeat(self) -> bytes:
        content = [M("ConnectionStatus", "OK")]
        if self._behaviour.heartbeats_with_status_event:
            status = T("Notification", T("SubscriptionId", "heartbeat"), T("StatusEvent", T("Watermark", "AAAA")))
            content.insert(0, M("Notifications", status))
        return self._follow_up(success(OPERATION, *content))

    def _follow_up(self, message: Element) -> bytes:
        envelope = _envelope(message)
        if self._behaviour.declares_every_envelope:
            return envelope
        return envelope.partition(DECLARATION_ENDS)[2].lstrip()

    def _end(self, message: Element) -> None:
        if self._ending is None:
            self._ending = message
        self.wake()


def _envelope(message: Element) -> bytes:
    return answer(OPERATION, [message]).body


def _pieces(content: bytes, size: int | None) -> Sequence[bytes]:
    size = size or len(content)
    return [content[start : start + size] for start in range(0, len(content), size)]
