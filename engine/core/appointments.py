"""What an appointment is, whichever calendar it was read from: only the fields that presence needs."""

from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.time_zones import TimeZoneDefinition


class ShowAs(StrEnum):
    """How the owner's time is shown to others (EWS LegacyFreeBusyStatus, Graph showAs)."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    OOF = "oof"
    WORKING_ELSEWHERE = "working_elsewhere"
    NO_DATA = "no_data"


class Sensitivity(StrEnum):
    """How confidential its owner marked it."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class Oddity(StrEnum):
    """Something about an appointment that no calendar should say; it was answered as well as it can be."""

    NOT_UNDERSTOOD = "has no start or no end that can be read"
    STRETCH_UNREADABLE = "is a stretch of time with an item that Exchange cannot read: what lies within takes no part"
    ORGANIZER_UNKNOWN = "cannot be opened in Exchange, so that nobody knows who organizes it"
    ENDS_BEFORE_IT_BEGINS = "ends before it begins"
    IMPLAUSIBLE_DATE = "has an implausible date"
    NOT_WHOLE_DAYS = "is marked all day but does not begin and end at midnight"
    UNKNOWN_ZONE = "was made in an unknown time zone, taken as the presence time zone"
    OTHER_ZONE = "is whole days in the presence time zone, but not in the one it claims to be made in"
    UNKNOWN_SHOW_AS = "has an unknown free/busy state, taken as no data"
    UNKNOWN_SENSITIVITY = "has an unknown sensitivity, taken as private"
    OVERLONG_SUBJECT = "has an overlong subject"


class Appointment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One occurrence in one calendar; recurring series arrive expanded.

    `start` and `end` are aware UTC instants of the half-open interval [start, end). Where `all_day` is set they
    mean whole calendar days. `zone` is the time zone it claims to be made in, by its IANA name or else as it is told,
    None when it is not; `zone_definition` are the rules of that zone where they are told, which count for more than
    the name. `organizer` is an SMTP address and known only where somebody asked for it.
    `id` is short and opaque; it orders appointments that are equal otherwise. `oddities` are what its reader noticed.
    `may_be_whole_days` is set by a source that cannot tell them from appointments that happen to be as long.
    """

    id: str
    start: datetime
    end: datetime
    subject: str = ""
    show_as: ShowAs = ShowAs.BUSY
    sensitivity: Sensitivity = Sensitivity.NORMAL
    all_day: bool = False
    zone: str | None = None
    zone_definition: TimeZoneDefinition | None = None
    organizer: str | None = None
    cancelled: bool = False
    may_be_whole_days: bool = False
    oddities: tuple[Oddity, ...] = ()

    @property
    def is_understood(self) -> bool:
        """Whether it is known when it begins and ends; an appointment of which that is not known takes no part."""
        return Oddity.NOT_UNDERSTOOD not in self.oddities and Oddity.STRETCH_UNREADABLE not in self.oddities
