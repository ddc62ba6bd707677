"""Events that the PBX link reports to the rest of the engine."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.errors import Failure
from engine.core.users import User


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The log-in succeeded. `pbx` is the name the PBX gave, if any, `domain` its system name ("" if unknown)."""

    pbx: str | None
    domain: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection has ended or could not be established.

    The next attempt begins at `retry_at`; None if it is the PBX that connects.
    """

    failure: Failure
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listening:
    """The PBX may connect. `url` is that of the App object, `fingerprint` the SHA-256 of our certificate."""

    url: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PbxDeclined:
    """A PBX that connected was rejected; `name` is the one it gave, or its address if it could not log in."""

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
    """The initial copy over this connection is complete; users not among `guids` no longer exist."""

    guids: frozenset[str]


@dataclass(frozen=True, slots=True)
class PbxAccepted:
    """A reported rejection of the PBX with this name no longer holds: it is accepted now, or the report is old."""

    name: str


PbxEvent = LinkUp | LinkDown | Listening | PbxDeclined | PbxAccepted | UserSeen | UserRemoved | UsersComplete
