"""What the PBX link tells the rest of the engine, as it happens."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.failures import Failure
from engine.core.users import User


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Logged in. `pbx` is the name the PBX gave (None: it gave none), `domain` its system name ("" if unknown)."""

    pbx: str | None
    domain: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection is gone or did not come about; the next attempt begins at `retry_at`."""

    failure: Failure
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class UserSeen:
    """A user exists with these properties: new, changed, or simply part of the initial copy."""

    user: User


@dataclass(frozen=True, slots=True)
class UserRemoved:
    """A user was deleted in the PBX."""

    guid: str


@dataclass(frozen=True, slots=True)
class UsersComplete:
    """The initial copy of this connection is complete; users not among `guids` do not exist any more."""

    guids: frozenset[str]


PbxEvent = LinkUp | LinkDown | UserSeen | UserRemoved | UsersComplete
