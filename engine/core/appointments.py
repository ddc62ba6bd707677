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


class Appointment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One occurrence in one calendar; recurring series arrive expanded.

    `start` and `end` are aware UTC instants of the half-open interval [start, end). Where `all_day` is set they
    mean whole calendar days. `zone` is the time zone it claims to be made in, by its IANA name or else as it is told,
    None when it is not; `zone_definition` are the rules of that zone where they are told, which count for more than
    the name. `organizer` is an SMTP address and known only where somebody asked for it.
    `id` is short and opaque; it orders appointments that are equal otherwise.
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
