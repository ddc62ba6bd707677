"""Makes one small piece of what only somebody who looks at an exchange wants to know: particulars and bodies."""

import msgspec
import zstandard

from engine.debuglog.model import Kept, Particulars

LEVEL = -2
"""Of the compression (Zstandard, RFC 8878): SOAP shrinks to a sixth of its size, for half the work of level 1."""


class Packer:
    """Packs, on one thread."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def pack(self, kept: Kept) -> bytes:
        """Return particulars and bodies in one, since each piece that is compressed costs by itself."""
        return self._compress(msgspec.msgpack.encode((kept.particulars, kept.request, kept.response)))


def unpacked(content: bytes) -> tuple[Particulars, bytes, bytes]:
    """Return packed content as it was: the particulars, the request and the answer."""
    return msgspec.msgpack.decode(zstandard.decompress(content), type=tuple[Particulars, bytes, bytes])
