"""Working hours with their time zone, as GetUserAvailability tells them (MS-OXWAVLS, WorkingHours)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lxml.etree import _Element as Element

from engine.simulator.exchange.soap import T

_MINUTE = timedelta(minutes=1)


def working_hours(zone: ZoneInfo, year: int) -> Element:
    """Return the element for somebody who works from Monday to Friday in a time zone."""
    january, july = (datetime(year, month, 15, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7))
    standard, daylight = min(january, july), max(january, july)
    months = (10, 3) if july > january else (4, 10)
    changes = zip(("StandardTime", "DaylightTime"), (standard, daylight), months, strict=True)
    return T(
        "WorkingHours",
        T(
            "TimeZone",
            T("Bias", str(round(-standard / _MINUTE))),
            *(_change(name, standard - offset, month) for name, offset, month in changes),
        ),
        T(
            "WorkingPeriodArray",
            T(
                "WorkingPeriod",
                T("DayOfWeek", "Monday Tuesday Wednesday Thursday Friday"),
                T("StartTimeInMinutes", "480"),
                T("EndTimeInMinutes", "1020"),
            ),
        ),
    )


def _change(name: str, bias: timedelta, month: int) -> Element:
    return T(
        name,
        T("Bias", str(round(bias / _MINUTE))),
        T("Time", "02:00:00"),
        T("DayOrder", "5"),
        T("Month", str(month)),
        T("DayOfWeek", "Sunday"),
    )
