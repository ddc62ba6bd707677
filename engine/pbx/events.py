"""What the PBX link tells the rest of the engine, as it happens."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.errors import Failure
from engine.core.users import User


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Logged in. `pbx` is the name the PBX gave (None: it gave none), `domain` its system name ("" if unknown)."""

    pbx: str | None
    domain: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection is gone or did not come about.

    The next attempt begins at `retry_at`; None where it is the PBX that connects.
    """

    failure: Failure
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listening:
    """The PBX may connect. `url` is the one of the App object, `fingerprint` the SHA-256 of the certificate shown."""

    url: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PbxTurnedAway:
    """A PBX that connected is not used; `name` is the one it gave, or its address if it could not log in."""

    name: str
    failure: Failure


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


@dataclass(frozen=True, slots=True)
class PbxWelcome:
    """What was told of whoever was turned away under this name holds no more: it may be used now, or was long ago."""

    name: str


PbxEvent = LinkUp | LinkDown | Listening | PbxTurnedAway | PbxWelcome | UserSeen | UserRemoved | UsersComplete
