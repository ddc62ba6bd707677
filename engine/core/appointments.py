"""Appointments independent of their source, with the fields that presence needs."""

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
    """Confidentiality set by the owner."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class Oddity(StrEnum):
    """An anomaly in the data of an appointment, and how it was handled."""

    NOT_UNDERSTOOD = "has no readable start or end"
    STRETCH_UNREADABLE = "is a period with an item that Exchange cannot read: appointments within it are ignored"
    ORGANIZER_UNKNOWN = "cannot be opened in Exchange, so its organizer is unknown"
    ENDS_BEFORE_IT_BEGINS = "ends before it starts"
    IMPLAUSIBLE_DATE = "has an implausible date"
    NOT_WHOLE_DAYS = "is marked all day but does not start and end at midnight"
    UNKNOWN_ZONE = "was created in an unknown time zone, taken as the presence time zone"
    OTHER_ZONE = "is whole days in the presence time zone, but not in its own"
    UNKNOWN_SHOW_AS = "has an unknown free/busy state, taken as no data"
    UNKNOWN_SENSITIVITY = "has an unknown sensitivity, taken as private"
    OVERLONG_SUBJECT = "has an overlong subject"


class Appointment(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One occurrence in one calendar; recurring series arrive expanded.

    `start` and `end` are aware UTC instants of the half-open interval [start, end). With `all_day` they mean whole
    calendar days. `zone` is the time zone it was created in, by its IANA name or else as stated, None if not stated;
    `zone_definition` are the rules of that zone if stated, and take precedence over the name. `organizer` is an SMTP
    address and known only if requested. `id` is short and opaque; it orders otherwise equal appointments. `oddities`
    are the anomalies found by its reader. `may_be_whole_days` is set by a source that cannot distinguish whole days
    from appointments of the same length.
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
        """Whether start and end are known; an appointment without them is left out."""
        return Oddity.NOT_UNDERSTOOD not in self.oddities and Oddity.STRETCH_UNREADABLE not in self.oddities
