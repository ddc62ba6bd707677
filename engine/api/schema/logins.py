"""Messages of the local API about log-ins that may lock an account."""

from datetime import datetime

import msgspec


class LogInState(msgspec.Struct, frozen=True, kw_only=True):
    """The log-ins with one `secret` as one `account`, since the last accepted one.

    The numbers of those `refused`, and `unproved`: neither accepted nor refused by the server behind the log-in. None
    is tried before `paused_until`; null means no pause.
    """

    secret: str
    account: str
    refused: int
    unproved: int
    last: datetime | None
    paused_until: datetime | None


class LogInStates(msgspec.Struct, frozen=True, kw_only=True):
    """Every account used to log in. `restarted` lists the parts that now retry on request."""

    log_ins: tuple[LogInState, ...]
    restarted: tuple[str, ...] = ()
