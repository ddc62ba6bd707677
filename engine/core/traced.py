"""One HTTP exchange as the connection saw it: what the hook of the HTTP client hands over, before any redaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PHASES = ("queue", "connect", "tls", "login", "send", "wait", "receive")
"""What an exchange spends its time with, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedExchange:
    """One attempt. The log-in's own headers are not among `request_headers`.

    `status` is None where no answer came; then `failure` is the name of what happened. `phases` are seconds by their
    names in `PHASES`, `seconds` is all of it. `part`: one envelope of an answer that goes on, without the request.
    """

    request_id: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request: bytes = field(repr=False)
    lane: str
    attempt: int
    status: int | None
    response_headers: Mapping[str, str]
    response: bytes = field(repr=False)
    failure: str
    seconds: float
    phases: Mapping[str, float]
    part: bool = False
