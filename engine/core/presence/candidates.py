"""The candidates for a user's presence, ranked."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment, Oddity, Sensitivity, ShowAs
from engine.core.presence.local_days import ONE_DAY, are_days, representable, start_of_day, stated_zone, whole_days
from engine.core.presence.model import DEFAULT_MAPPING, AppointmentKind, PresenceSettings, Target
from engine.core.presence.reasons import AppointmentOutcome, Hidden, Rule
from engine.core.presence.text import clean
from engine.core.time_zones import TimeZoneDefinition


class TitleClass(IntEnum):
    """Priority class of a subject by the word lists; the smaller one goes first."""

    PRIORITIZED = 0
    NORMAL = 1
    YIELDING = 2


Identity = tuple[str, datetime, datetime, str, str, str, bool, bool, bool, str, tuple[TimeZoneDefinition, ...], str]
Rank = tuple[TitleClass, bool, int, timedelta, datetime, Identity]
"""Sort key with one element per rule of `RULES`; the smaller rank goes first."""

RULES = (Rule.TITLE, Rule.TARGET, Rule.KIND, Rule.LATER_START, Rule.EARLIER_END, Rule.SMALLER_ID)

KIND_ORDER = (
    AppointmentKind.TENTATIVE_EXCEPTION,
    AppointmentKind.OOF,
    AppointmentKind.BUSY,
    AppointmentKind.TENTATIVE,
    AppointmentKind.WORKING_ELSEWHERE,
    AppointmentKind.NO_DATA,
)


def deciding_rule(one: Rank, other: Rank) -> Rule:
    """Return the first rule by which two ranks differ."""
    differing = (rule for rule, mine, theirs in zip(RULES, one, other, strict=True) if mine != theirs)
    return next(differing, Rule.SMALLER_ID)


def title_class(subject: str, settings: PresenceSettings) -> TitleClass:
    """Return the class of `subject` by the word lists, shown or not; the list "must not contain" wins."""
    if not settings.priority_words and not settings.no_priority_words:
        return TitleClass.NORMAL
    folded = subject.casefold()
    if _contains_one(folded, settings.no_priority_words):
        return TitleClass.YIELDING
    if _contains_one(folded, settings.priority_words):
        return TitleClass.PRIORITIZED
    return TitleClass.NORMAL


def identity(a: Appointment) -> Identity:
    """Return the id followed by all other fields, in case two appointments share an id."""
    how = (a.show_as, a.sensitivity, a.all_day, a.may_be_whole_days, a.cancelled)
    zones = () if a.zone_definition is None else (a.zone_definition,)
    return (a.id, a.start, a.end, a.subject, *how, a.zone or "", zones, a.organizer or "")


def _contains_one(folded: str, words: tuple[str, ...]) -> bool:
    return any(word in folded for word in _folded(words))


@lru_cache(maxsize=64)
def _folded(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip().casefold() for word in words if word.strip())


KINDS: Mapping[str, AppointmentKind | None] = MappingProxyType(
    {
        ShowAs.FREE: None,
        ShowAs.TENTATIVE: AppointmentKind.TENTATIVE,
        ShowAs.BUSY: AppointmentKind.BUSY,
        ShowAs.OOF: AppointmentKind.OOF,
        ShowAs.WORKING_ELSEWHERE: AppointmentKind.WORKING_ELSEWHERE,
        ShowAs.NO_DATA: AppointmentKind.NO_DATA,
    }
)
"""The kind of each free/busy state, apart from tentative exceptions."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SENSITIVITIES = frozenset(Sensitivity)
_SHOWABLE = frozenset({Sensitivity.NORMAL, Sensitivity.PERSONAL})


class Candidate(msgspec.Struct, frozen=True, dict=True):
    """An appointment as interpreted under `settings`.

    `start` and `end` are the effective UTC instants; `last_day` is set for whole days. `dropped` is the reason why it
    is left out; if None, it has a kind and a target.
    """

    appointment: Appointment
    settings: PresenceSettings
    kind: AppointmentKind | None
    target: Target | None
    start: datetime
    end: datetime
    last_day: date | None
    dropped: AppointmentOutcome | None

    @cached_property
    def rank(self) -> Rank:
        """The sort key among candidates that are not dropped.

        Computed on demand: most appointments are decided without it.
        """
        assert self.kind is not None  # noqa: S101 - for the type checker: free appointments are dropped
        return (
            title_class(self.appointment.subject, self.settings),
            self.target is Target.AVAILABLE,
            KIND_ORDER.index(self.kind),
            _EPOCH - self.start,
            self.end,
            identity(self.appointment),
        )

    @property
    def shown_subject(self) -> str:
        """The subject as it may be shown to others, empty if hidden."""
        if self.settings.show_subject and self.appointment.sensitivity in _SHOWABLE:
            return clean(self.appointment.subject)
        return ""

    @property
    def hidden(self) -> Hidden | None:
        """The reason why the subject is not shown, None if it is."""
        sensitivity = self.appointment.sensitivity
        if Oddity.UNKNOWN_SENSITIVITY in self.appointment.oddities or sensitivity not in _SENSITIVITIES:
            return Hidden.UNKNOWN
        if sensitivity not in _SHOWABLE:
            return Hidden.PRIVATE if sensitivity is Sensitivity.PRIVATE else Hidden.CONFIDENTIAL
        if not self.settings.show_subject:
            return Hidden.SETTING
        return None if self.shown_subject else Hidden.EMPTY


def candidate(appointment: Appointment, settings: PresenceSettings) -> Candidate:
    """Interpret one appointment under `settings`."""
    kind = _kind(appointment, settings)
    target = None if kind is None else settings.mapping.get(kind) or DEFAULT_MAPPING[kind]
    if appointment.all_day or (appointment.may_be_whole_days and are_days(appointment, settings.timezone)):
        start, end, last_day = _whole_days(appointment, settings.timezone)
    else:
        start, end, last_day = representable(appointment.start), representable(appointment.end), None
    dropped = _dropped(appointment, target, lasts=start < end and appointment.start < appointment.end)
    return Candidate(appointment, settings, kind, target, start, end, last_day, dropped)


def _kind(appointment: Appointment, settings: PresenceSettings) -> AppointmentKind | None:
    kind = KINDS.get(appointment.show_as, AppointmentKind.NO_DATA)
    if kind is AppointmentKind.TENTATIVE and _is_exception(
        appointment.organizer, settings.tentative_exception_organizer
    ):
        return AppointmentKind.TENTATIVE_EXCEPTION
    return kind


def _is_exception(organizer: str | None, exception: str | None) -> bool:
    if not organizer or not exception:
        return False
    return _folded_address(organizer) == _folded_address(exception) != ""


@lru_cache(maxsize=1024)
def _folded_address(address: str) -> str:
    return address.strip().casefold()


def _whole_days(appointment: Appointment, zone: ZoneInfo) -> tuple[datetime, datetime, date]:
    days = whole_days(appointment.start, appointment.end, stated_zone(appointment), zone)
    return start_of_day(days.first, zone), start_of_day(days.after, zone), days.after - ONE_DAY


def _dropped(appointment: Appointment, target: Target | None, *, lasts: bool) -> AppointmentOutcome | None:
    if not appointment.is_understood:
        return AppointmentOutcome.LEFT_OUT
    if appointment.cancelled:
        return AppointmentOutcome.CANCELLED
    if target is None:
        return AppointmentOutcome.FREE
    if not lasts:
        return AppointmentOutcome.WITHOUT_DURATION
    if target is Target.IGNORE:
        return AppointmentOutcome.IGNORED
    return None
