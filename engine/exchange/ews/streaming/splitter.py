"""Cuts the endless answer to GetStreamingEvents into the SOAP envelopes it is made of. No I/O."""

import re
from collections.abc import Iterator

from engine.exchange.failures import NotUnderstood

MAX_ENVELOPE = 16 * 1024 * 1024
"""Bytes; a server that sends more without an end is no Exchange server."""

# Exchange writes `<` in texts as a reference, so this is the end of an envelope wherever it stands.
_END = re.compile(rb"</(?:[^\s<>/:]{1,100}:)?Envelope\s{0,100}>")
_LONGEST_END = 256


class EnvelopeSplitter:
    """Takes bytes in any chunking and gives whole envelopes, whatever prefix their elements have.

    The answer is not one XML document but a sequence of them, with or without declarations (MS-OXWSNTIF).
    """

    def __init__(self, limit: int = MAX_ENVELOPE) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the envelopes that `chunk` completes. Raises `NotUnderstood` when one grows beyond the limit."""
        self._rest += chunk
        while (end := _END.search(self._rest, self._searched)) is not None:
            envelope = bytes(self._rest[: end.end()])
            del self._rest[: end.end()]
            self._searched = 0
            yield envelope.lstrip()
        if len(self._rest) > self._limit:
            raise NotUnderstood(f"a notification of more than {self._limit} bytes")
        self._searched = max(0, len(self._rest) - _LONGEST_END)
