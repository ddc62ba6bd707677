"""An answer that has no end: it comes in pieces, over a connection of its own."""

import contextlib
from collections.abc import AsyncGenerator, Mapping

from engine.exchange.failures import ExchangeFailure
from engine.exchange.http.trace import Trace
from engine.exchange.http.traced import part_of
from engine.exchange.http.wire import Answer, Outgoing, pieces


class StreamedAnswer:
    """The head of an answer, and its body piece by piece; `trace` looks on."""

    def __init__(self, answer: Answer, outgoing: Outgoing, trace: Trace, lane: str) -> None:
        self._answer = answer
        self._outgoing = outgoing
        self._trace = trace
        self._lane = lane

    @property
    def status(self) -> int:
        """The status code, whatever it is."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; their names are case-insensitive."""
        return self._answer.headers

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        return self._answer.request_id

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded body as it comes; raises what `pieces` raises."""
        async with contextlib.aclosing(pieces(self._answer)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except ExchangeFailure as failure:
                self._tell(b"", failure.slug)
                raise

    def came(self, envelope: bytes) -> None:
        """Let whoever looks on know of a part of the body that is whole in itself."""
        self._tell(envelope, "")

    def _tell(self, envelope: bytes, failure: str) -> None:
        if self._trace.on:
            self._trace.take(part_of(self._outgoing, self._answer, envelope, lane=self._lane, failure=failure))
