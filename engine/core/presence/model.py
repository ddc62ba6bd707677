"""Types of the presence rules: inputs and result of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec


class AppointmentKind(StrEnum):
    """Kind of an appointment, before the mapping."""

    BUSY = "busy"
    TENTATIVE = "tentative"
    TENTATIVE_EXCEPTION = "tentative_exception"
    OOF = "oof"
    WORKING_ELSEWHERE = "working_elsewhere"
    NO_DATA = "no_data"


class Target(StrEnum):
    """Result of mapping a kind."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    DND = "dnd"
    IGNORE = "ignore"


DEFAULT_MAPPING: Mapping[AppointmentKind, Target] = MappingProxyType(
    {
        AppointmentKind.BUSY: Target.BUSY,
        AppointmentKind.TENTATIVE: Target.IGNORE,
        AppointmentKind.TENTATIVE_EXCEPTION: Target.AWAY,
        AppointmentKind.OOF: Target.AWAY,
        AppointmentKind.WORKING_ELSEWHERE: Target.AVAILABLE,
        AppointmentKind.NO_DATA: Target.IGNORE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    """The [presence] table of the settings file: everything a decision depends on besides the calendar and the time.

    `horizon_hours` None means "the end of the local day", 0 "never show what comes next".
    """

    language: str = "en"
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    show_subject: bool = False
    priority_words: tuple[str, ...] = ()
    no_priority_words: tuple[str, ...] = ()
    tentative_exception_organizer: str | None = None
    mapping: Mapping[AppointmentKind, Target] = field(default_factory=lambda: DEFAULT_MAPPING)
    horizon_hours: float | None = None
    note_max_length: int = 128

    @property
    def needs_subjects(self) -> bool:
        """Whether subjects are shown or matched; otherwise they are not even requested."""
        return self.show_subject or bool(self.priority_words or self.no_priority_words)


class Presence(msgspec.Struct, frozen=True):
    """A presence in the PBX: an innovaphone activity ("", busy, away, dnd) and a note. Both empty: nothing set."""

    activity: str = ""
    note: str = ""


CLEARED = Presence()
