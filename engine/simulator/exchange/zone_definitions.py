"""Time zones as EWS defines them: periods, and the transitions between them year by year (MS-OXWSGTZ)."""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.simulator.exchange.soap import T
from engine.simulator.exchange.xml import Element

_WEEK = 7
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def time_zone(name: str, zone_id: str, zone_name: str, rules: str, years: tuple[int, ...]) -> Element:
    """Return the element `name` of a zone; with the `rules` of an IANA zone, if given, as they are in those `years`."""
    element = T(name, Id=zone_id, Name=zone_name)
    if rules:
        groups = [_group(number, ZoneInfo(rules), year) for number, year in enumerate(years)]
        offsets = sorted({offset for _, used in groups for offset in used})
        element.append(T("Periods", *[_period(offset) for offset in offsets]))
        element.append(T("TransitionsGroups", *[group for group, _ in groups]))
        element.append(T("Transitions", *_between(years)))
    return element


def _between(years: tuple[int, ...]) -> Iterator[Element]:
    yield T("Transition", T("To", "0", Kind="Group"))
    for number, year in enumerate(years[1:], start=1):
        yield T(
            "AbsoluteDateTransition",
            T("To", str(number), Kind="Group"),
            T("DateTime", f"{year:04}-01-01T00:00:00"),
        )


def _group(number: int, zone: ZoneInfo, year: int) -> tuple[Element, set[timedelta]]:
    changes = list(_changes(zone, year))
    if not changes:
        offset = _offset(datetime(year, 7, 1, tzinfo=UTC), zone)
        return T("TransitionsGroup", T("Transition", _to(offset)), Id=str(number)), {offset}
    elements = [_recurring(local, offset) for local, offset in changes]
    return T("TransitionsGroup", *elements, Id=str(number)), {offset for _, offset in changes}


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, timedelta]]:
    """Yield when the clocks change in that year, as they show it before, and the offset from then on."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        before, later = _offset(day, zone), _offset(day + _DAY, zone)
        if before != later:
            changed = bisect_left(range(24 * 60), True, key=lambda m: _offset(day + m * _MINUTE, zone) == later)
            yield (day + changed * _MINUTE + before).replace(tzinfo=None), later
        day += _DAY


def _recurring(local: datetime, offset: timedelta) -> Element:
    """The weekday is the last one of its month where it is, as Windows counts, else the first to the fourth."""
    length = monthrange(local.year, local.month)[1]
    occurrence = -1 if local.day + _WEEK > length else (local.day - 1) // _WEEK + 1
    return T(
        "RecurringDayTransition",
        _to(offset),
        T("TimeOffset", _duration(timedelta(hours=local.hour, minutes=local.minute))),
        T("Month", str(local.month)),
        T("DayOfWeek", f"{local:%A}"),
        T("Occurrence", str(occurrence)),
    )


def _period(offset: timedelta) -> Element:
    return T("Period", Bias=_duration(-offset), Name=_id(offset), Id=_id(offset))


def _to(offset: timedelta) -> Element:
    return T("To", _id(offset), Kind="Period")


def _id(offset: timedelta) -> str:
    return f"trule:UTC{_duration(offset)}"


def _duration(length: timedelta) -> str:
    hours, minutes = divmod(abs(length) // timedelta(minutes=1), 60)
    return f"{'-' if length < timedelta() else ''}PT{hours}H{minutes}M"


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
