"""Record of what was said between PBX and engine, passed to the debug log before any redaction."""

import msgspec


class PbxRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message over the App WebSocket with its answer, or an event of the connection.

    `operation` is the type of the message (`mt`), or "connect", "close" or "ping". `asked` is the message that came
    first, `answered` the answer, empty if there is none; `by_pbx`: it was the PBX that asked. `failure` is the name of
    the failure, `reason` what is known about it, `about` the guid or the name of the user concerned. `quiet`: it only
    shows that the connection is alive. `proved`: the log-in was complete by then.
    """

    connection: str
    url: str
    operation: str
    asked: str
    answered: str
    by_pbx: bool
    seconds: float
    failure: str
    reason: str
    about: str
    quiet: bool
    proved: bool

    @property
    def size(self) -> int:
        """Number of characters of both messages."""
        return len(self.asked) + len(self.answered)

    def __repr__(self) -> str:
        """Leave out everything that may contain a secret."""
        return f"<PBX {self.operation}, {self.failure or 'without a failure'}>"
