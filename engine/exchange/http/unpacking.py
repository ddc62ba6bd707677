"""Unpacks the body of an answer (Content-Encoding) in pieces of bounded size, since a small one may unpack to any size.

No I/O.
"""

import zlib
from collections.abc import Iterator

PIECE = 256 * 1024
"""Bytes that are unpacked at once."""
_GZIP = 16 + zlib.MAX_WBITS


class Undecodable(Exception):
    """The body is not packed as its header says, or by a method that we did not offer."""


class Unpacking:
    """Unpacks what was packed by `encoding`: gzip or nothing, as our requests offer (RFC 9110, section 12.5.3)."""

    def __init__(self, encoding: str) -> None:
        methods = [each.strip().lower() for each in encoding.split(",")]
        packed = [each for each in methods if each not in ("", "identity")]
        if packed not in ([], ["gzip"], ["x-gzip"]):
            raise Undecodable(f"the body is packed by {encoding[:40]!r}, which was not asked for")
        self._gzip = zlib.decompressobj(_GZIP) if packed else None
        self._begun = False

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """Yield what this piece of the body unpacks to. Raises `Undecodable`."""
        if self._gzip is None:
            yield data
            return
        try:
            piece = b""
            while data or len(piece) == PIECE:  # a full piece may have more behind it, with nothing left to take
                self._begun = True
                if self._gzip.eof:  # the next member of the same file (RFC 1952, section 2.2)
                    self._gzip = zlib.decompressobj(_GZIP)
                piece = self._gzip.decompress(data, PIECE)
                data = self._gzip.unconsumed_tail or self._gzip.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            raise Undecodable(str(error)) from error

    def finish(self) -> None:
        """Raise `Undecodable` if the packed body is not complete."""
        if self._gzip is not None and self._begun and not self._gzip.eof:
            raise Undecodable("the packed body ends too early")
