"""The certificates that a server sends, whether or not they are trusted."""

import ssl
from itertools import islice
from typing import Any

MOST = 10
"""Limit on the certificates of a chain that are looked at."""

_DER = 0x02
"""How the certificates of Python are asked for their bytes (_ssl.ENCODING_DER)."""


def sent_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates (DER) that the peer of a connection sent, its own first.

    Python has had this since 3.10, but made it public in 3.13 alone.
    """
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return tuple(islice(public() or (), MOST))
    inner: Any = connection._sslobj  # type: ignore[union-attr]  # noqa: SLF001 - see above
    return tuple(each.public_bytes(_DER) for each in islice(inner.get_unverified_chain() or (), MOST))
