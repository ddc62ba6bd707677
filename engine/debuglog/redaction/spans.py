"""Parts of a body, and one sign in the place of several of them, which may overlap."""

from collections.abc import Iterable

BLANKED = "[blanked]"
_SIGN = BLANKED.encode()

Span = tuple[int, int]
"""Where a part begins and where it ends."""


def without(body: bytes, spans: Iterable[Span]) -> bytes:
    """Return `body` with `BLANKED` for each of `spans`, once where some touch or overlap."""
    pieces: list[bytes] = []
    done = -1
    for start, end in sorted(spans):
        if start > done:
            pieces += (body[max(done, 0) : start], _SIGN)
        done = max(done, end)
    return b"".join((*pieces, body[done:])) if pieces else body
