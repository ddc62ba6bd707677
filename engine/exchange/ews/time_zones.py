"""Time zones of EWS that are defined by their rules (MS-OXWSGTZ)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from lxml import etree

from engine.core.time_zones import LAST, ClockChange, Era, TimeZoneDefinition
from engine.exchange.ews.safe_xml import Element, parse, text_of
from engine.exchange.ews.soap import TYPES

_DURATION = re.compile(
    r"(-?)P(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})(?:\.\d{1,9})?S)?)?", re.ASCII
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_OCCURRENCES = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": LAST}
_LAST_AS_WINDOWS_COUNTS = 5
_ONE_DAY = timedelta(days=1)
_MOST_ELEMENTS = 2000
_BEGINNING = datetime(2, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def zone_definition(element: Element) -> TimeZoneDefinition | None:
    """Return the rules of a StartTimeZone, an EndTimeZone or a MeetingTimeZone, None if they define no time zone."""
    if len(element) == 0:
        return None
    return _defined(etree.tostring(element, with_tail=False))


@lru_cache(maxsize=256)
def _defined(document: bytes) -> TimeZoneDefinition | None:
    element = parse(document)
    if sum(1 for _ in element.iter()) > _MOST_ELEMENTS:
        return None
    # A KeyError means a target that does not exist, a ValueError an invalid number.
    with suppress(ValueError, KeyError, OverflowError):
        if element.find(f"{TYPES}BaseOffset") is not None:
            return _of_two_changes(element)
        return _of_transitions(element)
    return None


def _of_transitions(element: Element) -> TimeZoneDefinition:
    offsets = {
        period.get("Id", ""): -_offset(period.get("Bias", "")) for period in element.iterfind(f"{TYPES}Periods/*")
    }
    groups = {group.get("Id", ""): _era(group, offsets) for group in element.iterfind(f"{TYPES}TransitionsGroups/*")}
    eras: list[Era] = []
    for transition in element.iterfind(f"{TYPES}Transitions/*"):
        target = transition.find(f"{TYPES}To")
        kind = "" if target is None else target.get("Kind", "")
        name = text_of(transition, f"{TYPES}To")
        begins = max(_date_time(transition), _BEGINNING) if eras or _is_dated(transition) else _BEGINNING
        of_target = groups[name] if kind == "Group" else Era(begins, offsets[name])
        eras.append(Era(begins, of_target.offset, of_target.changes))
    if not eras:
        # Without transitions only one group, or one period, makes sense.
        (only,) = groups.values() if groups else [Era(_BEGINNING, offset) for offset in offsets.values()]
        eras.append(only)
    return TimeZoneDefinition(tuple(sorted(eras, key=lambda era: era.begins)))


def _era(group: Element, offsets: Mapping[str, timedelta]) -> Era:
    """Return the rules of a TransitionsGroup; a year begins with the offset after its last change."""
    changes: list[ClockChange] = []
    first: timedelta | None = None
    for transition in group:
        offset = offsets[text_of(transition, f"{TYPES}To")]
        if transition.tag == f"{TYPES}Transition":
            first = offset
        else:
            changes.append(_change(transition, offset))
    if first is None:
        first = max(changes, key=lambda change: (change.month, change.day)).offset
    return Era(_BEGINNING, first, tuple(changes))


def _change(transition: Element, offset: timedelta) -> ClockChange:
    if _is_dated(transition):
        when = _date_time(transition)
        at = timedelta(hours=when.hour, minutes=when.minute, seconds=when.second)
        return ClockChange(offset, at, when.month, when.day, year=when.year)
    at = _duration(text_of(transition, f"{TYPES}TimeOffset"))
    month = _number(transition, "Month", 12)
    if transition.tag == f"{TYPES}RecurringDateTransition":
        return ClockChange(offset, at, month, _number(transition, "Day", 31))
    weekday = _WEEKDAYS.index(text_of(transition, f"{TYPES}DayOfWeek"))
    occurrence = int(text_of(transition, f"{TYPES}Occurrence"))
    if occurrence in (LAST, _LAST_AS_WINDOWS_COUNTS):
        occurrence = LAST
    elif not 1 <= occurrence < _LAST_AS_WINDOWS_COUNTS:
        raise ValueError(occurrence)
    return ClockChange(offset, at, month, weekday=weekday, occurrence=occurrence)


def _of_two_changes(element: Element) -> TimeZoneDefinition:
    """Read a TimeZoneType: an offset, and two changes whose offsets are relative to it."""
    base = _duration(text_of(element, f"{TYPES}BaseOffset"))
    changes: list[ClockChange] = []
    for name in ("Standard", "Daylight"):
        change = element.find(f"{TYPES}{name}")
        yearly = None if change is None else change.find(f"{TYPES}RelativeYearlyRecurrence")
        if change is not None and yearly is not None:
            clock = time.fromisoformat(text_of(change, f"{TYPES}Time")[:8])
            changes.append(
                ClockChange(
                    offset=_checked(-base - _duration(text_of(change, f"{TYPES}Offset"))),
                    at=timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second),
                    month=_MONTHS.index(text_of(yearly, f"{TYPES}Month")) + 1,
                    weekday=_WEEKDAYS.index(text_of(yearly, f"{TYPES}DaysOfWeek")),
                    occurrence=_OCCURRENCES[text_of(yearly, f"{TYPES}DayOfWeekIndex")],
                )
            )
    first = max(changes, key=lambda change: change.month).offset if changes else _checked(-base)
    return TimeZoneDefinition((Era(_BEGINNING, first, tuple(changes)),))


def _is_dated(transition: Element) -> bool:
    return transition.tag == f"{TYPES}AbsoluteDateTransition"


def _date_time(transition: Element) -> datetime:
    return datetime.fromisoformat(text_of(transition, f"{TYPES}DateTime")).replace(tzinfo=None)


def _number(parent: Element, name: str, most: int) -> int:
    number = int(text_of(parent, f"{TYPES}{name}"))
    if not 1 <= number <= most:
        raise ValueError(number)
    return number


def _offset(text: str) -> timedelta:
    return _checked(_duration(text))


def _checked(offset: timedelta) -> timedelta:
    if abs(offset) >= _ONE_DAY:
        raise ValueError(offset)
    return offset


def _duration(text: str) -> timedelta:
    """Read an xs:duration of days and less. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(text)
    sign, days, hours, minutes, seconds = match.groups()
    length = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return -length if sign else length
