"""What an appointment is, whichever calendar it was read from: only the fields that presence needs."""

from datetime import datetime
from enum import StrEnum

import msgspec


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
    mean whole calendar days, read as dates in `zone` (IANA name of the time zone it was made in, None when
    Exchange does not tell). `organizer` is an SMTP address and known only where somebody asked for it.
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
    organizer: str | None = None
    cancelled: bool = False
