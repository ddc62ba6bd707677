"""Parts of a body: which tag a place is in, and one sign in the place of several parts, which may overlap."""

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


class Tags:
    """Tells which tag a place is in. Places are asked for in ascending order: the body is looked through once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._place = 0
        self._opened = self._closed = -1

    def around(self, place: int) -> int | None:
        """Return where the tag begins that `place` is inside of, None outside of any."""
        self._opened = max(self._opened, self._body.rfind(b"<", self._place, place))
        self._closed = max(self._closed, self._body.rfind(b">", self._place, place))
        self._place = place
        return self._opened if self._opened > self._closed else None
