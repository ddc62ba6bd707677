"""Property: all pages of a calendarView together are what overlaps its window in the world, whatever is in it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.graph.calendar_view import calendar_view
from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.tenant import Level, Tenant
from engine.simulator.windows_zones import iana_zone
from engine.simulator.world import CalendarItem, Person, Series, World
from tests.simulator.graph.client import ANNA
from tests.support.checked_graph import graph_schema

DAY = date(2026, 3, 27)
"""Two days before the clocks of Europe change."""
ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "Etc/UTC"]
times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World(DAY, ZoneInfo(draw(st.sampled_from(ZONES))), [Person(name="anna", display_name="A", mailbox=ANNA)])
    for number in range(draw(st.integers(0, 12))):
        day, zone = draw(st.integers(-2, 4)), draw(st.sampled_from(ZONES))
        if draw(st.booleans()):
            world.put(ANNA, world.whole_days(f"d{number}", draw(st.integers(1, 3)), day=day, zone=zone))
            continue
        item = world.appointment(f"a{number}", f"{draw(times)}-{draw(times)}", day=day, zone=zone)
        world.put(ANNA, item)
        if draw(st.booleans()):
            world.put(ANNA, Series(first=item, interval=draw(st.integers(1, 3)), last=DAY + timedelta(days=5)))
    return world


@given(
    world=worlds(),
    hours=st.tuples(st.integers(-72, 96), st.integers(1, 96)),
    size=st.integers(1, 30),
    zone=st.sampled_from(["UTC", "W. Europe Standard Time", "Asia/Kolkata"]),
)
def test_all_pages_are_what_overlaps_the_window(world: World, hours: tuple[int, int], size: int, zone: str) -> None:
    start = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(hours=hours[0])
    end = start + timedelta(hours=hours[1])
    expected = world.occurrences(ANNA, start, end)
    events = list(all_pages(world, start, end, size, zone))
    assert len({event["id"] for event in events}) == len(events) == len(expected)
    for event, item in zip(events, expected, strict=True):
        assert_same(event, item, zone)


def all_pages(world: World, start: datetime, end: datetime, size: int, zone: str) -> list[dict[str, object]]:
    owner = Tenant(world).account("anna")
    window = f"startDateTime={start:%Y-%m-%dT%H:%MZ}&endDateTime={end:%Y-%m-%dT%H:%MZ}"
    query, events = f"{window}&$top={size}", list[dict[str, object]]()
    while query:
        request = GraphRequest(
            method="GET",
            host="localhost",
            path=f"/users/{ANNA}/calendarView",
            query=query,
            headers={"prefer": f'outlook.timezone="{zone}"'},
        )
        page = calendar_view(request, world, owner, Level.READ, [])
        assert graph_schema().collection("event", page) == []
        assert len(page["value"]) <= size
        events += page["value"]
        query = page.get("@odata.nextLink", "").partition("?")[2]
    return events


def assert_same(event: dict[str, object], item: CalendarItem, zone_name: str) -> None:
    assert event["isAllDay"] is item.all_day
    zone = ZoneInfo(item.zone) if item.all_day else iana_zone(zone_name)
    for name, instant in (("start", item.start), ("end", item.end)):
        moment = event[name]
        assert isinstance(moment, dict)
        assert moment["timeZone"] == zone_name
        assert datetime.fromisoformat(moment["dateTime"]) == instant.astimezone(zone).replace(tzinfo=None)
