"""The events of a calendar view as appointments, and its pages (learn.microsoft.com/graph/api/resources/event)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from engine.core import bounded
from engine.core.appointments import Appointment, Oddity, Sensitivity, ShowAs
from engine.exchange.errors import CalendarTooFull, MailboxTrouble, NotUnderstood
from engine.exchange.graph.times import SHOW_AS, DateTimeTimeZone, whole_days
from engine.exchange.zone_names import stated_zone

MOST_PAGES = 20
LONGEST_LINK = 8192

_SENSITIVITY: Mapping[str, Sensitivity] = MappingProxyType({each.value: each for each in Sensitivity})
_DECLINED = "declined"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _EmailAddress(msgspec.Struct, frozen=True, gc=False):
    address: str | None = None


class _Recipient(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    email_address: _EmailAddress | None = None


class _ResponseStatus(msgspec.Struct, frozen=True, gc=False):
    response: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: str = ""
    start: DateTimeTimeZone | None = None
    end: DateTimeTimeZone | None = None
    is_all_day: bool | None = None
    show_as: str | None = None
    is_cancelled: bool | None = None
    sensitivity: str | None = None
    original_start_time_zone: str | None = None
    subject: str | None = None
    organizer: _Recipient | None = None
    response_status: _ResponseStatus | None = None


class _Page(msgspec.Struct):
    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)


class CalendarView:
    """The pages of one calendar view, as they arrive. `root` is the URL of Graph with the version.

    The subject is taken over only `with_subjects`, the organizer only of tentative events.
    """

    def __init__(self, root: str, *, with_subjects: bool) -> None:
        self._root = root.rstrip("/")
        self._with_subjects = with_subjects
        self._links: set[str] = set()
        self._found: dict[str, Appointment] = {}
        self._unreadable = 0

    @property
    def appointments(self) -> tuple[Appointment, ...]:
        """The appointments of all pages until now, in no particular order."""
        return tuple(self._found.values())

    def add(self, page: bytes) -> str | None:
        """Add a page, and return the URL of the next one relative to the version, None if it was the last.

        Pages may overlap: what comes twice counts once (microsoft-graph-docs-contrib, issue 2285). Events that the
        owner has declined but kept are left out. What cannot be understood becomes an oddity of the event: without a
        start and an end it does not affect the presence, an unknown free/busy state counts as no data, an unknown
        sensitivity as private; without any, it is normal.

        Raises `NotUnderstood` if this is no page, or the next one is said to be elsewhere; `MailboxTrouble` if the
        pages begin again, `CalendarTooFull` if there is no end of them.
        """
        try:
            decoded = bounded.json(page, _Page)
        except bounded.NotReadable as error:
            raise NotUnderstood(f"a page of a calendar: {error}") from None
        for raw in decoded.value:
            self._add_event(bytes(raw))
        return None if decoded.next_link is None else self._next(decoded.next_link)

    def _add_event(self, raw: bytes) -> None:
        try:
            event = bounded.json(raw, _Event)
        except bounded.NotReadable:
            event = _Event()
        if event.response_status is not None and event.response_status.response == _DECLINED:
            return
        key = event.id
        if not key:
            self._unreadable += 1
            key = f"\0{self._unreadable}"
        self._found[key] = _appointment(event, key, self._with_subjects)

    def _next(self, link: str) -> str:
        if not link.startswith(f"{self._root}/") or len(link) > LONGEST_LINK:
            raise NotUnderstood(f"the next page of a calendar is said to be at {urlsplit(link[:LONGEST_LINK]).netloc}")
        if link in self._links:
            raise MailboxTrouble("the pages of the calendar begin again")
        self._links.add(link)
        if len(self._links) >= MOST_PAGES:
            raise CalendarTooFull(f"more than {MOST_PAGES} pages")
        return link.removeprefix(self._root)


def _appointment(event: _Event, key: str, with_subjects: bool) -> Appointment:
    start = event.start.instant() if event.start is not None else None
    end = event.end.instant() if event.end is not None else None
    show_as = SHOW_AS.get(event.show_as or "")
    sensitivity = _SENSITIVITY.get(event.sensitivity or Sensitivity.NORMAL)
    zone = event.original_start_time_zone or ""
    oddities: list[Oddity] = []
    if start is None or end is None:
        oddities.append(Oddity.NOT_UNDERSTOOD)
    if show_as is None:
        oddities.append(Oddity.UNKNOWN_SHOW_AS)
    if sensitivity is None:
        oddities.append(Oddity.UNKNOWN_SENSITIVITY)
    days = None
    if event.is_all_day and event.start is not None and event.end is not None:
        days = whole_days(event.start, event.end, zone)
    return Appointment(
        id=blake2b(key.encode(), digest_size=6).hexdigest(),
        start=days.start if days else start or end or _EPOCH,
        end=days.end if days else end or start or _EPOCH,
        subject=(event.subject or "").strip() if with_subjects else "",
        show_as=show_as or ShowAs.NO_DATA,
        sensitivity=sensitivity or Sensitivity.PRIVATE,
        all_day=bool(event.is_all_day),
        zone=days.zone if days else stated_zone(zone),
        zone_definition=days.definition if days else None,
        organizer=_organizer(event) if show_as is ShowAs.TENTATIVE else None,
        cancelled=bool(event.is_cancelled),
        oddities=tuple(oddities),
    )


def _organizer(event: _Event) -> str | None:
    organizer = event.organizer and event.organizer.email_address
    return organizer.address if organizer else None
