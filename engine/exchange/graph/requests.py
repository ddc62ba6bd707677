"""Requests to Microsoft Graph v1.0: windows of calendars, free/busy times, and look-ups in the directory.

Pages of learn.microsoft.com/graph: api/user-list-calendarview, api/calendar-getschedule, api/user-list.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from engine.exchange.source import Window

EVENTS_OF_A_PAGE = 100
"""Graph returns 10 without `$top`, and no more than 1000."""

SCHEDULES_OF_A_REQUEST = 20
"""Documented; more were seen to work (learn.microsoft.com/graph/outlook-get-free-busy-schedule)."""

ADDRESSES_OF_A_FILTER = 5
"""A filter may have 15 clauses, and an address takes three."""

_NEEDED = "id,start,end,isAllDay,showAs,isCancelled,sensitivity,originalStartTimeZone,responseStatus"
_OF_A_USER = "id,mail,userPrincipalName,proxyAddresses,accountEnabled,userType"
_PREFERENCES: Mapping[str, str] = MappingProxyType({"Prefer": 'outlook.timezone="UTC", IdType="ImmutableId"'})
"""Times in UTC, and ids that stay the same when an item is moved; every request has to ask for them again."""

_JSON_PREFERENCES: Mapping[str, str] = MappingProxyType({**_PREFERENCES, "Content-Type": "application/json"})
_SLOT_MINUTES = 60


class GraphRequest(msgspec.Struct, frozen=True):
    """A request as part of a batch or on its own: `url` is relative to the version, `body` is sent as JSON."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: Mapping[str, Any] | None = None


def calendar_view(user: str, window: Window, *, with_subjects: bool, with_organizers: bool) -> GraphRequest:
    """Request the first page of all that overlaps `window` in a user's calendar, recurrences expanded.

    `user` is the object id or the user principal name. Bodies and attendees are never requested.
    """
    fields = _NEEDED + (",subject" if with_subjects else "") + (",organizer" if with_organizers else "")
    span = f"startDateTime={_local(window.start)}Z&endDateTime={_local(window.end)}Z"
    return GraphRequest(
        "GET", f"{path_of(user)}/calendarView?{span}&$select={fields}&$top={EVENTS_OF_A_PAGE}", _PREFERENCES
    )


def next_page(url: str) -> GraphRequest:
    """Request another page, whose `url` (relative to the version) the page before it gave."""
    return GraphRequest("GET", url, _PREFERENCES)


def get_schedule(anchor: str, addresses: Sequence[str], window: Window) -> GraphRequest:
    """Request the free/busy times of 1 to 20 SMTP addresses in `window`, as seen from the mailbox `anchor`."""
    return GraphRequest(
        "POST",
        f"{path_of(anchor)}/calendar/getSchedule",
        _JSON_PREFERENCES,
        {
            "schedules": list(addresses),
            "startTime": {"dateTime": _local(window.start), "timeZone": "UTC"},
            "endTime": {"dateTime": _local(window.end), "timeZone": "UTC"},
            "availabilityViewInterval": _SLOT_MINUTES,
        },
    )


def find_users(addresses: Sequence[str]) -> GraphRequest:
    """Request the users with any of 1 to 5 addresses as user principal name, primary or secondary SMTP address.

    It needs the permission User.Read.All. Of the addresses of a user, secondary ones begin with `smtp:`; the primary
    one is `mail` as well.
    """
    clauses = " or ".join(map(_has, addresses))
    return GraphRequest("GET", f"/users?$filter={quote(clauses, safe=_READABLE)}&$select={_OF_A_USER}")


_READABLE = "/():',@"
"""What needs no escape in a query (RFC 3986, section 3.4)."""


OF_A_USER = "/users/"
"""Begins the path of a user, relative to the version."""


def path_of(user: str) -> str:
    """Return the path of a user relative to the version, by object id or user principal name."""
    return f"{OF_A_USER}{quote(user, safe='@')}"


def user_in(url: str) -> str:
    """Return the object id or user principal name in the URL of a user."""
    return unquote(url.rpartition("/")[2])


def _has(address: str) -> str:
    exact, secondary = _literal(address), _literal(f"smtp:{address}")
    return f"userPrincipalName eq {exact} or mail eq {exact} or proxyAddresses/any(p:p eq {secondary})"


def _literal(text: str) -> str:
    """Return a string literal of OData, in which an apostrophe is doubled."""
    return "'" + text.replace("'", "''") + "'"


def _local(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
