"""What the debug log keeps of an exchange, and gives back."""

from dataclasses import dataclass, field

import msgspec

LARGEST_BODY = 1024 * 1024
"""Bytes of a body that are kept; its true size is kept as well."""


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """What only somebody who looks at one exchange wants to know. `phases` are in milliseconds."""

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, float], ...]
    request_size: int
    response_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An exchange in a list. `at` is when it ended, in seconds since 1970."""

    id: int
    at: float
    ms: float
    operation: str
    mailbox: str
    user: str
    status: int | None
    codes: tuple[str, ...]
    failure: str
    error: bool
    part: bool
    attempt: int
    lane: str
    sent: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A whole exchange as it is kept: without secrets."""

    row: Row
    request_id: str
    particulars: Particulars
    request: bytes = field(repr=False)
    response: bytes = field(repr=False)
