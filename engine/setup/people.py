"""Who is at the set-up: one person at a time; another one may watch, and take over."""

import os
from datetime import datetime, timedelta

import msgspec

from engine.core.errors import Failure, Fault, Scope

PRESENT = timedelta(minutes=10)
"""How long after the last answer somebody still counts as being there."""


class SetupInUse(Failure):
    """Somebody else is at the set-up. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Somebody else is at the set-up"
    remedy = "Wait until they have finished, or take over (POST /v1/setup/person): what they typed is kept."


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who answers: the process at the other end of the socket, the address it was logged in from as it says
    itself, and the time of the last answer."""

    uid: int
    pid: int
    user: str
    where: str
    last: datetime

    @property
    def name(self) -> str:
        """The name to show."""
        user = self.user or f"user {self.uid}"
        return f"{user}@{self.where}" if self.where else user

    def is_same(self, other: "Person") -> bool:
        """Return whether both are the same process."""
        return (self.uid, self.pid) == (other.uid, other.pid)

    def is_present(self, now: datetime) -> bool:
        """Return whether this person is still there: the process runs, and answered not long ago."""
        return now - self.last < PRESENT and _runs(self.pid)


def _runs(pid: int) -> bool:
    if pid <= 0:
        return True  # of another PID namespace: nothing is known
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
