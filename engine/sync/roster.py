"""Everybody who takes part, and what is known of each: the one place the other parts look things up in."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from engine.core.appointments import Appointment
from engine.core.failures import EngineMistake, Failure
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.exchange.source import Mailbox, Window


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a calendar held within `window` when it was read, `at` calendar time."""

    window: Window
    appointments: tuple[Appointment, ...]
    at: datetime


@dataclass(slots=True)
class Participant:
    """One user and what is known: where the mailbox is, what it said last, what the PBX ought to show.

    `departing` users were deselected, or `deleted`: their presence is cleared and then they are forgotten. `problem` is
    what stands between this user and a calendar, `mistake` between a calendar and a decision, and `refusal` what the
    PBX had against the presence `refused`. Where it `has_no_mailbox`, that is certain, and there is nothing to show.
    Until it `lasts_until`, the state of the reading is kept although the mailbox cannot be read any more.
    `desired` stays None while nothing is known that would justify a presence; it is true until `expires`.
    """

    user: User
    candidates: tuple[str, ...] = ()
    mailbox: Mailbox | None = None
    reading: Reading | None = None
    problem: Failure | None = None
    mistake: EngineMistake | None = None
    refusal: Failure | None = None
    refused: Presence | None = None
    failed_visits: int = 0
    lasts_until: datetime | None = None
    desired: Presence | None = None
    expires: datetime | None = None
    departing: bool = False
    deleted: bool = False
    has_no_mailbox: bool = False


Roster = dict[str, Participant]
"""Participants by the guid of their PBX user object."""
