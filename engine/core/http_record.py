"""One HTTP exchange as the connection saw it: what the hook of the HTTP client hands over, before any redaction."""

from collections.abc import Mapping

import msgspec

PHASES = ("queue", "connect", "tls", "login", "send", "wait", "receive")
"""What an exchange spends its time with, in this order."""


class TracedExchange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One attempt. The log-in's own headers are not among `request_headers`.

    `status` is None where no answer came; then `failure` is the name of what happened. With a status it is the name of
    what answered in place of Exchange. `phases` are seconds by their
    names in `PHASES`, `seconds` is all of it. `part`: one envelope of an answer that goes on, without the request.
    """

    request_id: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request: bytes
    lane: str
    attempt: int
    status: int | None
    response_headers: Mapping[str, str]
    response: bytes
    failure: str
    seconds: float
    phases: Mapping[str, float]
    part: bool = False

    def __repr__(self) -> str:
        """Leave out all that may hold a secret."""
        return f"<exchange {self.request_id}: {self.method}, {self.status or self.failure}>"
