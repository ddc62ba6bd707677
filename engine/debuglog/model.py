"""What the debug log keeps of an exchange, and gives back."""

import msgspec

LARGEST_BODY = 1024 * 1024
"""Bytes of a body that are kept; its true size is kept as well."""


class Particulars(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What only somebody who looks at one exchange wants to know. `phases` are in milliseconds."""

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, float], ...]
    request_size: int
    response_size: int


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Kept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole exchange as it is kept: without secrets."""

    row: Row
    request_id: str
    particulars: Particulars
    request: bytes
    response: bytes

    def __repr__(self) -> str:
        """Leave the bodies out."""
        return f"Kept({self.row}, {self.request_id}, {self.particulars})"
