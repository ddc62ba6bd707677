"""Record of one HTTP request and response, passed to the hook of the HTTP client before any redaction."""

from collections.abc import Mapping

import msgspec

PHASES = ("queue", "connect", "tls", "login", "send", "wait", "receive")
"""The phases of a request, in this order."""


class HttpRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One attempt at a request. Authentication headers are not among `request_headers`.

    `status` is None if there was no response; then `failure` is the name of the failure. With a status, `failure` names
    what answered in place of Exchange. `phases` are seconds by the names in `PHASES`, `seconds` is the total. `part`:
    one envelope of a streaming response, without the request.
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

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.request) + len(self.response)

    def __repr__(self) -> str:
        """Leave out everything that may contain a secret."""
        return f"<exchange {self.request_id}: {self.method}, {self.status or self.failure}>"
