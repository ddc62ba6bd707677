"""Typed events that the engine emits, and what all of its parts share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.presence.model import Presence
from engine.core.users import User


class Side(StrEnum):
    """The two systems we stand between."""

    PBX = "PBX"
    EXCHANGE = "Exchange"


@dataclass(frozen=True, slots=True)
class PresenceConfirmed:
    """The PBX confirmed a new calendar presence. `at` is calendar time."""

    user: User
    presence: Presence
    at: datetime


@dataclass(frozen=True, slots=True)
class PresenceWithheld:
    """A dry run would have written this. `at` is calendar time."""

    user: User
    presence: Presence
    at: datetime


@dataclass(frozen=True, slots=True)
class UserTrouble:
    """A user's mailbox cannot be found or read, or the presence was refused."""

    user: User
    failure: Failure


@dataclass(frozen=True, slots=True)
class UserRecovered:
    """What was the matter with a user is over."""

    user: User


@dataclass(frozen=True, slots=True)
class LinkTrouble:
    """A whole side does not work. `until` is the network time of the next try; None where the other side has to try."""

    side: Side
    failure: Failure
    until: datetime | None


@dataclass(frozen=True, slots=True)
class LinkRecovered:
    """A whole side works, for the first time or again."""

    side: Side


@dataclass(frozen=True, slots=True)
class ListeningForPbx:
    """The PBX may connect. `url` is what its App object needs, `fingerprint` the SHA-256 of the certificate shown."""

    url: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PbxRefused:
    """A PBX connected and is not used. `name` is the one it gave, or its address if it could not even log in."""

    name: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class AccountPaused:
    """Exchange lets the service account ask for nothing in its own name before `until`, network time."""

    failure: Failure
    until: datetime


@dataclass(frozen=True, slots=True)
class ReadingRestricted:
    """Less is read than the settings ask for, because of `failure`."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ConcernArose:
    """A side works, and yet something about it keeps presences from following in time."""

    side: Side
    failure: Failure


@dataclass(frozen=True, slots=True)
class ConcernOver:
    """That is over; `failure` is as it was told first."""

    side: Side
    failure: Failure


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Something that is known of a user may be different: name, mailbox, whether it is watched, desired or shown
    presence, or it is gone."""

    guid: str


@dataclass(frozen=True, slots=True)
class CalendarVisited:
    """A user's calendar was read, or could not be because of `failure`, and no further visit is asked for."""

    guid: str
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class ReadingUnrestricted:
    """Everything that the settings ask for is read again."""


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """Another engine runs, or none, or something else is the matter with the settings."""


@dataclass(frozen=True, slots=True)
class SettingsRolledBack:
    """Nobody confirmed the last change of settings: what these keys say is as it was before."""

    keys: tuple[str, ...]


Happening = (
    PresenceConfirmed
    | PresenceWithheld
    | UserTrouble
    | UserRecovered
    | LinkTrouble
    | LinkRecovered
    | ListeningForPbx
    | PbxRefused
    | UserChanged
    | CalendarVisited
    | AccountPaused
    | ReadingRestricted
    | ReadingUnrestricted
    | ConcernArose
    | ConcernOver
    | ServiceChanged
    | SettingsRolledBack
)
Observer = Callable[[Happening], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """`clock` is calendar time, `network_clock` measures pauses and pacing.

    `observe` is told of everything that happens, `finished` is called whenever a part has nothing left to do.
    """

    clock: Clock
    network_clock: Clock
    random: Random
    observe: Observer
    finished: Callable[[], None]
