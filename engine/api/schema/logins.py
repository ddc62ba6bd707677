"""Log-ins that may lock an account, in the words of the local API."""

from datetime import datetime

import msgspec


class LogInState(msgspec.Struct, frozen=True, kw_only=True):
    """The log-ins with one `secret` as one `account`, since the last one that was proved right.

    So many were `refused`, and so many `unproved`: answered by nothing from behind the log-in. None is tried before
    `paused_until`; null means that one may be.
    """

    secret: str
    account: str
    refused: int
    unproved: int
    last: datetime | None
    paused_until: datetime | None


class LogInStates(msgspec.Struct, frozen=True, kw_only=True):
    """Every account that was logged in as. `restarted` is what tries again now, after somebody has asked for it."""

    log_ins: tuple[LogInState, ...]
    restarted: tuple[str, ...] = ()
