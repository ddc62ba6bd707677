"""What a node asks of the others by a notice: to read the calendars of users whom it does not work for, and to write
again.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

ReadingKind = Literal["resync", "reresolve"]

ASK = "read "
"""How such a notice begins."""

RESUME = "resume "
"""How a notice begins that asks the node named in it to write again for all of its shards."""

LONGEST = 7000
"""Bytes of a notice, of which PostgreSQL takes less than 8000."""


@dataclass(frozen=True, slots=True)
class ReadingRequest:
    """Reading calendars again, for some kinds after finding the mailboxes again: of these users, None: of all. `node`
    is the one that asks."""

    node: str
    kind: ReadingKind
    guids: Collection[str] | None

    def notices(self) -> Iterator[str]:
        """Yield the notices that ask for it."""
        if self.guids is None:
            yield self._notice(None)
            return
        part: list[str] = []
        size = 0
        for guid in self.guids:
            length = len(msgspec.json.encode(guid)) + 1
            if part and size + length > LONGEST:
                yield self._notice(part)
                part, size = [], 0
            part.append(guid)
            size += length
        if part:
            yield self._notice(part)

    def _notice(self, guids: Collection[str] | None) -> str:
        return ASK + msgspec.json.encode((self.node, self.kind, guids)).decode()


def reading_request(notice: str) -> ReadingRequest | None:
    """Return what a notice asks for, None if it is another one, or not understood."""
    if not notice.startswith(ASK):
        return None
    try:
        node, kind, guids = msgspec.json.decode(
            notice.removeprefix(ASK), type=tuple[str, ReadingKind, tuple[str, ...] | None]
        )
    except msgspec.MsgspecError:
        return None
    return ReadingRequest(node, kind, guids)
