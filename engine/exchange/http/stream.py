"""An answer that has no end: it comes in pieces, over a connection of its own."""

from collections.abc import AsyncGenerator, Mapping

from engine.exchange.http.wire import Answer, pieces


class StreamedAnswer:
    """The head of an answer, and its body piece by piece."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

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

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Return the decoded body as it comes; raises what `pieces` raises."""
        return pieces(self._answer)
