"""calendarView: pages, windows, properties, time zones and whole days."""

from typing import Any

import pytest

from engine.core.appointments import Sensitivity, ShowAs
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.faults import NextLink, PagesOverlap
from engine.simulator.world import Correspondent, Response, World
from engine.simulator.world.world import StatedZone
from tests.simulator.graph.client import ANNA, DAY, PlainGraph, code_of, plain_graph, subjects

BERLIN = 'outlook.timezone="W. Europe Standard Time"'


async def test_a_day_is_what_overlaps_it_series_expanded(cloud: PlainGraph) -> None:
    start, end = cloud.world.instant("00:00"), cloud.world.instant("00:00", 1)
    response = await cloud.view(top="50")
    assert subjects(response) == [item.subject for item in cloud.world.occurrences(ANNA, start, end)]
    assert {event["type"] for event in response.json()["value"]} == {"singleInstance", "exception"}
    assert cloud.graph.ledger.complaints == []
    (record,) = cloud.graph.ledger.records(operation="calendarView")
    assert (record.mailbox, record.status, record.method) == (ANNA, 200, "GET")
    assert "authorization" not in record.headers


async def test_pages_of_ten_unless_asked_otherwise(cloud: PlainGraph) -> None:
    for number in range(25):
        cloud.world.put(ANNA, cloud.world.appointment(f"n{number}", "17:00-18:00", day=40, subject=str(number)))
    window = ("2026-04-11T00:00:00Z", "2026-04-12T00:00:00Z")
    first = await cloud.view(window=window)
    assert len(subjects(first)) == 10
    assert "pages of ten, since no size is asked for" in cloud.graph.ledger.complaints
    link = first.json()["@odata.nextLink"]
    assert link.startswith(f"{cloud.graph.url}/v1.0/users/{ANNA}/calendarView?")
    assert "%24skip=10" in link
    second = await cloud.get(link)
    third = await cloud.get(second.json()["@odata.nextLink"])
    assert "@odata.nextLink" not in third.json()
    assert sorted(map(int, subjects(first) + subjects(second) + subjects(third))) == list(range(25))
    assert len(subjects(await cloud.view(window=window, top="1000"))) == 25
    assert len(subjects(await cloud.view(window=window, prefer="odata.maxpagesize=7"))) == 7


@pytest.mark.parametrize("top", ["0", "1001", "-1", "many", ""])
async def test_a_page_has_one_to_a_thousand_entries(cloud: PlainGraph, top: str) -> None:
    assert (await cloud.view(top=top)).status_code == 400


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (("", DAY[1]), "ErrorInvalidParameter"),
        ((DAY[0], ""), "ErrorInvalidParameter"),
        (("yesterday", DAY[1]), "ErrorInvalidParameter"),
        (("0001-01-01T00:00+14:00", "0001-01-02T00:00Z"), "ErrorInvalidParameter"),
        ((DAY[1], DAY[0]), "ErrorCalendarEndDateIsEarlierThanStartDate"),
        (("2020-01-01", "2026-01-01"), "ErrorCalendarViewRangeTooBig"),
    ],
)
async def test_a_window_is_required(cloud: PlainGraph, window: tuple[str, str], code: str) -> None:
    response = await cloud.view(window=window)
    assert (response.status_code, code_of(response)) == (400, code)


async def test_a_plus_that_is_not_encoded_is_a_space(cloud: PlainGraph) -> None:
    query = "startDateTime=2026-03-02T00:00:00+01:00&endDateTime=2026-03-03T00:00:00Z"
    response = await cloud.get(f"{cloud.graph.url}/v1.0/users/{ANNA}/calendarView?{query}")
    assert (response.status_code, code_of(response)) == (400, "ErrorInvalidParameter")


@pytest.mark.parametrize(
    ("option", "value"),
    [("select", "id,colour"), ("select", "Subject"), ("filter", "isAllDay eq true"), ("orderby", "subject")],
)
async def test_what_it_does_not_know_is_refused(cloud: PlainGraph, option: str, value: str) -> None:
    response = await cloud.view(window=DAY, **{option: value})
    assert (response.status_code, code_of(response)) == (400, "RequestBroker--ParseUri")


async def test_an_option_twice_is_refused(cloud: PlainGraph) -> None:
    query = f"startDateTime={DAY[0][:10]}&endDateTime={DAY[1][:10]}&$top=5&%24top=6"
    response = await cloud.get(f"{cloud.graph.url}/v1.0/users/{ANNA}/calendarView?{query}")
    assert response.status_code == 400


async def test_only_what_is_selected_is_there_and_always_the_id(cloud: PlainGraph) -> None:
    response = await cloud.view(select="start,showAs", top="1")
    (event,) = response.json()["value"]
    assert set(event) == {"@odata.etag", "id", "start", "showAs"}


async def test_everything_is_there_without_select_but_no_body_with_read_basic(cloud: PlainGraph) -> None:
    path = f"/users/{ANNA}/calendar/calendarView"
    basic = (await cloud.get(path, startDateTime=DAY[0], endDateTime=DAY[1], top="1")).json()["value"][0]
    assert basic["body"] is None
    assert "calendarView without $select" in cloud.graph.ledger.complaints
    await cloud.log_in("Calendars.Read")
    read = (await cloud.get(path, startDateTime=DAY[0], endDateTime=DAY[1], top="1")).json()["value"][0]
    assert read["body"]["contentType"] == "html"
    assert {**read, "body": None, "bodyPreview": None} == basic


async def test_times_are_in_the_zone_that_is_asked_for(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.appointment("a", "09:00-10:30", subject="a", zone="America/New_York"))
    for prefer, begin, zone in [
        ("", "2026-03-02T08:00:00.0000000", "UTC"),
        (BERLIN, "2026-03-02T09:00:00.0000000", "W. Europe Standard Time"),
        ('outlook.timezone="Asia/Tokyo"', "2026-03-02T17:00:00.0000000", "Asia/Tokyo"),
        ("outlook.timezone=Asia/Tokyo", "2026-03-02T08:00:00.0000000", "UTC"),
    ]:
        (event,) = (await cloud.view(prefer=prefer, top="5")).json()["value"]
        assert event["start"] == {"dateTime": begin, "timeZone": zone}
        assert event["originalStartTimeZone"] == "Eastern Standard Time"
    cloud.checked.findings.clear()  # a preference that lacks its quotes
    response = await cloud.view(prefer='outlook.timezone="Middle Earth"')
    assert (response.status_code, code_of(response)) == (400, "TimeZoneNotSupportedException")


@pytest.mark.parametrize("zone", ["UTC", "W. Europe Standard Time", "Pacific/Auckland", "America/Los_Angeles"])
async def test_a_whole_day_is_from_midnight_to_midnight_in_every_zone(cloud: PlainGraph, zone: str) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.whole_days("off", 2, day=2, subject="off"))
    window = ("2026-03-01T00:00Z", "2026-03-08T00:00Z")
    (event,) = (await cloud.view(window=window, prefer=f'outlook.timezone="{zone}"', top="5")).json()["value"]
    assert event["isAllDay"] is True
    assert event["start"] == {"dateTime": "2026-03-04T00:00:00.0000000", "timeZone": zone}
    assert event["end"] == {"dateTime": "2026-03-06T00:00:00.0000000", "timeZone": zone}


async def test_a_whole_day_is_found_by_its_true_instants(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.whole_days("off", day=2, subject="off", zone="Pacific/Auckland"))
    assert subjects(await cloud.view(window=("2026-03-03T10:30Z", "2026-03-03T11:30Z"), top="5")) == ["off"]
    assert subjects(await cloud.view(window=("2026-03-04T11:00Z", "2026-03-04T23:00Z"), top="5")) == []


@pytest.mark.parametrize("said", ["tzone://Microsoft/Custom", "tzone://Microsoft/Utc", "UTC", "Europe/Vienna", ""])
async def test_an_item_has_the_zone_that_its_program_stated(cloud: PlainGraph, said: str) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.whole_days("off", day=0, stated_zone=StatedZone(said)))
    (event,) = (await cloud.view(top="5")).json()["value"]
    assert event["originalStartTimeZone"] == (said or None)
    assert event["start"]["dateTime"] == "2026-03-02T00:00:00.0000000"


async def test_there_are_two_kinds_of_ids(cloud: PlainGraph) -> None:
    mutable, immutable = [
        [event["id"] for event in (await cloud.view(prefer=f"{BERLIN}{more}", top="50")).json()["value"]]
        for more in ("", ', IdType="ImmutableId"')
    ]
    assert len({*mutable, *immutable}) == 2 * len(mutable)
    assert {each[:4] for each in mutable} == {"AAMk"}
    assert {each[:6] for each in immutable} == {"AAkALg"}


async def test_an_item_is_shown_as_it_is(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    boss = Correspondent("Boss", "boss@corp.example")
    items: dict[str, dict[str, Any]] = {
        "a": {"sensitivity": Sensitivity.PRIVATE, "show_as": ShowAs.WORKING_ELSEWHERE},
        "b": {"organizer": boss, "response": Response.DECLINE, "show_as": ShowAs.FREE},
        "c": {"organizer": boss, "response": Response.NO_RESPONSE, "show_as": ShowAs.NO_DATA, "cancelled": True},
    }
    for key, fields in items.items():
        cloud.world.put(ANNA, cloud.world.appointment(key, "09:00-10:00", subject=key, **fields))
    names = ("subject", "sensitivity", "showAs", "isCancelled")
    events = (await cloud.view(top="5")).json()["value"]
    assert [tuple(event[name] for name in names) for event in events] == [
        ("a", "private", "workingElsewhere", False),
        ("b", "normal", "free", False),
        ("c", "normal", "unknown", True),
    ]
    assert [event["responseStatus"]["response"] for event in events] == ["none", "declined", "notResponded"]
    assert events[2]["responseStatus"]["time"] == "0001-01-01T00:00:00Z"
    assert [event["organizer"]["emailAddress"]["address"] for event in events] == [ANNA, boss.address, boss.address]


async def test_misrepresented_items_are_misrepresented_here_too(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    stated: dict[str, dict[str, str | None]] = {
        "no start": {"calendar:Start": None},
        "no end": {"calendar:End": "next week"},
        "odd state": {"calendar:LegacyFreeBusyStatus": "Napping"},
        "no sensitivity": {"item:Sensitivity": None},
        "odd sensitivity": {"item:Sensitivity": "TopSecret"},
        "odd response": {"calendar:MyResponseType": "Shrugs", "calendar:Organizer": None, "item:Subject": None},
        "not at midnight": {"calendar:IsAllDayEvent": "true"},
        "backwards": {"calendar:End": "2026-03-02T07:00:00Z"},
    }
    for number, (key, properties) in enumerate(stated.items()):
        cloud.world.put(ANNA, cloud.world.appointment(key, f"{9 + number:02}:00-20:00", subject=key, told=properties))
    events = dict(zip(stated, (await cloud.view(top="50")).json()["value"], strict=True))
    assert events["no start"]["start"] is None
    assert events["no end"]["end"] == {"dateTime": "next week", "timeZone": "UTC"}
    assert events["odd state"]["showAs"] == "napping"
    assert events["no sensitivity"]["sensitivity"] is None
    assert events["odd sensitivity"]["sensitivity"] == "topSecret"
    odd = events["odd response"]
    assert (odd["responseStatus"]["response"], odd["organizer"], odd["subject"]) == ("shrugs", None, None)
    whole = events["not at midnight"]
    assert [whole[edge]["dateTime"][:19] for edge in ("start", "end")] == ["2026-03-02T00:00:00", "2026-03-03T00:00:00"]
    assert events["backwards"]["end"]["dateTime"] == "2026-03-02T07:00:00.0000000"
    assert len(cloud.checked.findings) == 5
    cloud.checked.findings.clear()


async def test_an_item_that_fails_the_view_fails_it(cloud: PlainGraph) -> None:
    cloud.world.put(ANNA, cloud.world.appointment("bad", "09:00-10:00", find_item_error="ErrorItemCorrupt"))
    response = await cloud.view()
    assert (response.status_code, code_of(response)) == (500, "ErrorItemCorrupt")


async def test_pages_may_overlap_by_an_entry(cloud: PlainGraph) -> None:
    cloud.graph.faults.add(PagesOverlap(), operation="calendarView")
    first = await cloud.view(top="3")
    second = await cloud.get(first.json()["@odata.nextLink"])
    assert first.json()["value"][-1] == second.json()["value"][0]
    assert len(second.json()["value"]) == 4


async def test_a_page_may_lead_to_itself_or_elsewhere(cloud: PlainGraph) -> None:
    cloud.graph.faults.add(NextLink(), times=2)
    first = await cloud.view(top="3")
    again = await cloud.get(first.json()["@odata.nextLink"])
    assert again.json() == first.json()
    cloud.graph.faults.add(NextLink("https://elsewhere.example/v1.0/users"))
    assert (await cloud.view(top="3")).json()["@odata.nextLink"] == "https://elsewhere.example/v1.0/users"


async def test_what_is_selected_without_need_is_complained_about(world: World, authority: CertificateAuthority) -> None:
    async with plain_graph(world, authority, needed=frozenset({"id", "start", "end"})) as cloud:
        await cloud.view(select="id,start,end", top="5")
        assert cloud.graph.ledger.complaints == []
        await cloud.view(select="id,start,body", top="5")
        assert cloud.graph.ledger.complaints == ["body is selected and not needed"]
        path = f"{cloud.graph.url}/v1.0/users/{ANNA}/calendarView"
        assert (await cloud.get(f"{path}?$select=id&$select=start")).status_code == 400
