"""Typed events that the engine emits, and the context that its parts share."""

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
    """The systems that the engine connects; in a hybrid organisation, Exchange is that on premises."""

    PBX = "PBX"
    EXCHANGE = "Exchange"
    EXCHANGE_ONLINE = "Exchange Online"


EXCHANGES = (Side.EXCHANGE, Side.EXCHANGE_ONLINE)
"""The sides that calendars are read from, in the order in which they are asked for a mailbox."""


@dataclass(frozen=True, slots=True)
class PresenceConfirmed:
    """The PBX confirmed a new calendar presence. `at` is calendar time."""

    user: User
    presence: Presence
    at: datetime


@dataclass(frozen=True, slots=True)
class PresenceWithheld:
    """A presence that would have been written but for the dry run. `at` is calendar time."""

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
    """A user's problem is resolved."""

    user: User


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A whole side does not work. `until` is the network time of the next attempt; None if the other side connects."""

    side: Side
    failure: Failure
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """A whole side works, for the first time or again."""

    side: Side


@dataclass(frozen=True, slots=True)
class ListeningForPbx:
    """The PBX may connect. `url` is the one for its App object, `fingerprint` the SHA-256 of our certificate."""

    url: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PbxRejected:
    """A PBX that connected was rejected. `name` is the one it gave, or its address if it could not log in."""

    name: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class AccountPaused:
    """Exchange accepts no requests in the service account's own name before `until`, network time."""

    failure: Failure
    until: datetime


@dataclass(frozen=True, slots=True)
class ReadingRestricted:
    """Less is read than the settings ask for, because of `failure`."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ConcernArose:
    """A side works, but something about it delays presences, or will end it: what expires is reported at each
    threshold."""

    side: Side
    failure: Failure


@dataclass(frozen=True, slots=True)
class ConcernOver:
    """A concern is over; `failure` is the one that was reported first."""

    side: Side
    failure: Failure


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Something about a user may have changed: name, mailbox, whether it is watched, desired or shown presence; or the
    user is gone."""

    guid: str


@dataclass(frozen=True, slots=True)
class CalendarRead:
    """A user's calendar was read, or could not be because of `failure`, and no further visit is requested."""

    guid: str
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class ReadingUnrestricted:
    """Everything that the settings ask for is read again."""


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """The running engine, or a problem with the settings, has changed."""


@dataclass(frozen=True, slots=True)
class SettingsRolledBack:
    """The last change of settings was not confirmed: these keys have their previous values again."""

    keys: tuple[str, ...]


Event = (
    PresenceConfirmed
    | PresenceWithheld
    | UserTrouble
    | UserRecovered
    | ConnectionLost
    | ConnectionRestored
    | ListeningForPbx
    | PbxRejected
    | UserChanged
    | CalendarRead
    | AccountPaused
    | ReadingRestricted
    | ReadingUnrestricted
    | ConcernArose
    | ConcernOver
    | ServiceChanged
    | SettingsRolledBack
)
Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncContext:
    """Clocks and callbacks shared by all parts: `clock` is calendar time, `network_clock` measures pauses and pacing.

    `observe` is called with every event, `finished` whenever a part has nothing left to do.
    """

    clock: Clock
    network_clock: Clock
    random: Random
    observe: Observer
    finished: Callable[[], None]
