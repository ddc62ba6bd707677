"""Which answers prove a log-in: those that only somebody behind it can have given. No I/O."""

import re
from collections.abc import Mapping

LOOKED_AT = 4096
_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:Envelope|Autodiscover)[\s>]")


def proves_log_in(status: int, headers: Mapping[str, str], body: bytes, *, in_pieces: bool) -> bool:
    """Tell whether Exchange itself has answered: SOAP, whatever it says, or autodiscover's own XML.

    A status alone proves nothing: front ends, balancers and proxies give a wrong log-in all of them. Of an answer that
    is still to come `in_pieces` only its type is known; one is asked for long after others have proved the log-in.
    """
    if status == 401:
        return False
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if in_pieces:
        return status == 200 and "html" not in media_type
    # Without the other half of each letter of UTF-16.
    return "html" not in media_type and _ROOT.search(body[:LOOKED_AT].replace(b"\0", b"")) is not None
