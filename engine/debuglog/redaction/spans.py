"""Spans of a body, possibly overlapping, and their replacement by a placeholder."""

from collections.abc import Iterable

BLANKED = "[blanked]"
_SIGN = BLANKED.encode()

TextRange = tuple[int, int]
"""Start and end of a part."""


def without(body: bytes, spans: Iterable[TextRange]) -> bytes:
    """Replace each of `spans` by `BLANKED`, adjacent or overlapping ones by a single one."""
    pieces: list[bytes] = []
    done = -1
    for start, end in sorted(spans):
        if start > done:
            pieces += (body[max(done, 0) : start], _SIGN)
        done = max(done, end)
    return b"".join((*pieces, body[done:])) if pieces else body
