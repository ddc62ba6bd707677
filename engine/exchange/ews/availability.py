"""Free/busy times of many mailboxes in one request, without impersonation: GetUserAvailability (MS-OXWAVLS)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.errors import CalendarNotReadable
from engine.exchange.ews.safe_xml import Element, markup, text_of
from engine.exchange.ews.soap import MESSAGES, TYPES, parse_instant
from engine.exchange.mailbox_zones import MailboxZone
from engine.exchange.source import Window

_A_DAY = 24 * 60
MOST_MAILBOXES = 100
"""The limit of Exchange, which answers more with ErrorMailboxDataArrayTooBig."""

# Times in the response have no zone; they are in the zone of the request. This one is UTC: a zone has to have two
# changes a year, here by nothing.
_CHANGE = b"<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>%d</t:Month>"
_CHANGES = b"".join(
    b"<t:%b>%b<t:DayOfWeek>Sunday</t:DayOfWeek></t:%b>" % (name, _CHANGE % month, name)
    for name, month in ((b"StandardTime", 10), (b"DaylightTime", 3))
)
_REQUEST = (
    b"<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias>" + _CHANGES + b"</t:TimeZone>"
    b"<m:MailboxDataArray>%b</m:MailboxDataArray>"
    b"<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>%b</t:StartTime><t:EndTime>%b</t:EndTime></t:TimeWindow>"
    b"<t:MergedFreeBusyIntervalInMinutes>30</t:MergedFreeBusyIntervalInMinutes>"
    b"<t:RequestedView>FreeBusy</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>"
)
_MAILBOX = (
    b"<t:MailboxData><t:Email><t:Address>%b</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType>"
    b"<t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>"
)
_SHOW_AS = {
    "Free": ShowAs.FREE,
    "Tentative": ShowAs.TENTATIVE,
    "Busy": ShowAs.BUSY,
    "OOF": ShowAs.OOF,
    "WorkingElsewhere": ShowAs.WORKING_ELSEWHERE,
    "NoData": ShowAs.NO_DATA,
}


def get_user_availability(addresses: Sequence[str], window: Window) -> bytes:
    """Return the operation that requests only the times and free/busy states of 1 to 100 mailboxes in `window`."""
    mailboxes = b"".join(_MAILBOX % markup(address) for address in addresses)
    return _REQUEST % (mailboxes, _local(window.start), _local(window.end))


def free_busy(response: Element, window: Window) -> tuple[Appointment, ...]:
    """Return the events of a successful FreeBusyResponse within `window`, which may be less than was requested.

    An event with invalid times is returned with an oddity and does not affect the presence. Raises
    `CalendarNotReadable` if the server gives no times at all.
    """
    view = response.find(f"{MESSAGES}FreeBusyView")
    level = text_of(view, f"{TYPES}FreeBusyViewType") if view is not None else ""
    if view is None or level in ("", "None", "MergedOnly"):
        raise CalendarNotReadable(f"Exchange returns no free/busy times (view {level or 'missing'})")
    events = view.iterfind(f"{TYPES}CalendarEventArray/{TYPES}CalendarEvent")
    return tuple(_appointments(events, window))


def zone_of_working_hours(response: Element) -> MailboxZone | None:
    """Return the time zone of the working hours in a FreeBusyResponse, None if it is not told.

    A bias is what has to be added to local time to get UTC, in minutes; those of the two changes are added to it.
    https://learn.microsoft.com/exchange/client-developer/web-service-reference/workinghours-ex15websvcsotherref
    """
    zone = response.find(f"{MESSAGES}FreeBusyView/{TYPES}WorkingHours/{TYPES}TimeZone")
    if zone is None:
        return None
    try:
        bias = int(text_of(zone, f"{TYPES}Bias"))
        standard, daylight = (_change(zone, bias, name) for name in ("StandardTime", "DaylightTime"))
    except ValueError:
        return None
    begins, ends = daylight[1], standard[1]
    if not begins or not ends:
        return MailboxZone(standard[0], standard[0])
    is_northern = begins < ends
    return MailboxZone(*(standard[0], daylight[0]) if is_northern else (daylight[0], standard[0]))


def _change(zone: Element, bias: int, name: str) -> tuple[timedelta, int]:
    """Return the offset from a change on, and its month, 0 for none. Raises ValueError."""
    change = zone.find(f"{TYPES}{name}")
    if change is None:
        return -timedelta(minutes=bias), 0
    own, month = int(text_of(change, f"{TYPES}Bias")), int(text_of(change, f"{TYPES}Month"))
    if abs(bias + own) >= _A_DAY:
        raise ValueError(bias)
    return -timedelta(minutes=bias + own), month


def _appointments(events: Iterator[Element], window: Window) -> Iterator[Appointment]:
    for number, event in enumerate(events):
        start, end = (
            parse_instant(text_of(event, f"{TYPES}StartTime")),
            parse_instant(text_of(event, f"{TYPES}EndTime")),
        )
        state = text_of(event, f"{TYPES}BusyType")
        oddities = [] if state in _SHOW_AS else [Oddity.UNKNOWN_SHOW_AS]
        if start is None or end is None:
            start = end = start or end or window.start
            oddities.append(Oddity.NOT_UNDERSTOOD)
        elif end <= window.start or start >= window.end:
            continue
        # Free/busy events have no id; their position in the response distinguishes two at the same time.
        key = f"{start.isoformat()} {end.isoformat()} {state} {number}"
        yield Appointment(
            id=blake2b(key.encode(), digest_size=6).hexdigest(),
            start=start,
            end=end,
            show_as=_SHOW_AS.get(state, ShowAs.NO_DATA),
            may_be_whole_days=True,
            oddities=tuple(oddities),
        )


def _local(instant: datetime) -> bytes:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat().encode()
