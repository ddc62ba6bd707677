"""FindItem returns exactly the requested properties of the items in the view, and refuses what Exchange refuses."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import CalendarItem, World
from tests.simulator.exchange.client import (
    ALL_FIELDS,
    DAY,
    FIND_ITEM,
    NAMESPACES,
    PlainClient,
    code_of,
    field_uris,
    plain_client,
    root_of,
    texts,
)

ANNA = "anna.mueller@corp.example"
ITEMS = ".//t:CalendarItem"


def found(response: httpx.Response, name: str) -> list[str]:
    return texts(response, f"{ITEMS}/t:{name}")


def flags(response: httpx.Response) -> dict[str, str]:
    folder = root_of(response).find(".//m:RootFolder", NAMESPACES)
    assert folder is not None
    return dict(folder.attrib)  # type: ignore[arg-type]


async def test_every_calendar_reads_as_the_world_has_it(client: PlainClient, world: World) -> None:
    day = (world.instant("00:00"), world.instant("00:00", 1))
    for person in world.people:
        if person.mailbox is None or not person.may_impersonate:
            continue
        response = await client.find_item(person.mailbox)
        items = world.occurrences(person.mailbox, *day)
        assert found(response, "Start") == [item.start.strftime("%Y-%m-%dT%H:%M:%SZ") for item in items]
        assert found(response, "IsAllDayEvent") == [str(item.all_day).lower() for item in items]
        assert found(response, "UID") == [item.uid for item in items]


async def test_a_series_comes_as_occurrences_with_its_exceptions(client: PlainClient) -> None:
    response = await client.find_item("jose.garcia@corp.example", DAY[0], "2026-03-09T00:00:00+01:00")
    subjects = found(response, "Subject")
    standups = [
        (start, kind, cancelled)
        for subject, start, kind, cancelled in zip(
            subjects,
            found(response, "Start"),
            found(response, "CalendarItemType"),
            found(response, "IsCancelled"),
            strict=True,
        )
        if subject == "Daily Stand-up"
    ]
    assert standups == [
        ("2026-03-02T08:30:00Z", "Exception", "false"),
        ("2026-03-04T08:00:00Z", "Occurrence", "false"),
        ("2026-03-05T08:00:00Z", "Exception", "true"),
        ("2026-03-06T08:00:00Z", "Occurrence", "false"),
    ]


async def test_an_all_day_item_of_another_zone_tells_its_windows_zone(client: PlainClient) -> None:
    response = await client.find_item("marko.zagar@corp.example")
    assert found(response, "Start") == ["2026-03-02T05:00:00Z"]
    assert found(response, "End") == ["2026-03-03T05:00:00Z"]
    zone = root_of(response).find(f"{ITEMS}/t:StartTimeZone", NAMESPACES)
    assert zone is not None
    assert zone.get("Id") == "Eastern Standard Time"


async def test_only_what_was_asked_for_is_told(client: PlainClient) -> None:
    response = await client.find_item(ANNA, fields=("calendar:Start", "calendar:End"))
    for item in root_of(response).iterfind(ITEMS, NAMESPACES):
        assert [child.tag.rpartition("}")[2] for child in item] == ["ItemId", "Start", "End"]


async def test_the_organizer_is_a_name_without_an_address(client: PlainClient) -> None:
    response = await client.find_item("emilie.dubois@corp.example")
    assert "Personalabteilung" in texts(response, f"{ITEMS}/t:Organizer/t:Mailbox/t:Name")
    assert texts(response, f"{ITEMS}/t:Organizer/t:Mailbox/t:EmailAddress") == []


async def test_control_characters_go_out_as_references(client: PlainClient) -> None:
    response = await client.find_item("ilona.szoke@corp.example")
    assert b"Fax&#x1F; von&#x2; Zentrale&#xB;" in response.content


async def test_an_item_that_only_touches_the_view_is_not_in_it(client: PlainClient) -> None:
    response = await client.find_item(ANNA, "2026-03-02T09:00:00Z", "2026-03-02T09:15:00Z")
    assert found(response, "Start") == ["2026-03-02T08:45:00Z"]


async def test_what_the_limit_leaves_off_is_flagged(client: PlainClient) -> None:
    response = await client.find_item(ANNA, most=3)
    assert len(found(response, "Start")) == 3
    assert flags(response)["IncludesLastItemInRange"] == "false"
    complete = await client.find_item(ANNA, most=100)
    assert flags(complete)["IncludesLastItemInRange"] == "true"


async def test_no_more_than_a_thousand_items_come_at_once(client: PlainClient, world: World) -> None:
    noon = world.instant("12:00")
    for number in range(1001):
        world.put(ANNA, _minute(world, number, noon))
    response = await client.find_item(ANNA, fields=("calendar:Start",))
    assert len(found(response, "Start")) == 1000
    assert flags(response)["IncludesLastItemInRange"] == "false"


def _minute(world: World, number: int, noon: datetime) -> CalendarItem:
    return CalendarItem(
        key=f"extra-{number}",
        uid=f"extra-{number}",
        start=noon,
        end=noon + timedelta(minutes=1),
        modified=datetime(2026, 1, 1, tzinfo=UTC),
        zone=world.zone.key,
    )


async def test_a_view_of_more_than_two_years_is_too_big(client: PlainClient) -> None:
    response = await client.find_item(ANNA, "2026-01-01T00:00:00Z", "2028-02-01T00:00:00Z")
    assert (response.status_code, code_of(response)) == (200, "ErrorCalendarViewRangeTooBig")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": DAY[1], "end": DAY[0]}, "ErrorCalendarEndDateIsEarlierThanStartDate"),
        ({"most": 0}, "ErrorInvalidPagingMaxRows"),
        ({"folder": "inbox"}, "ErrorCalendarFolderIsInvalidForCalendarView"),
        ({"fields": ("item:Body",)}, "ErrorInvalidPropertyRequest"),
    ],
)
async def test_a_view_that_makes_no_sense_is_an_error_of_the_folder(
    client: PlainClient, changes: dict[str, str], code: str
) -> None:
    response = await client.find_item(ANNA, **changes)  # type: ignore[arg-type]
    assert (response.status_code, code_of(response)) == (200, code)


async def test_a_view_cannot_be_sorted(client: PlainClient) -> None:
    by_start = '<t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="calendar:Start"/></t:FieldOrder>'
    order = f"<m:SortOrder>{by_start}</m:SortOrder>"
    view = FIND_ITEM.format(
        fields=field_uris(("calendar:Start",)), start=DAY[0], end=DAY[1], most="", folder="calendar"
    )
    response = await client.post(view.replace("<m:ParentFolderIds>", f"{order}<m:ParentFolderIds>"), as_mailbox=ANNA)
    assert code_of(response) == "ErrorInvalidRequest"


async def test_a_request_against_the_schema_is_a_fault(client: PlainClient) -> None:
    response = await client.find_item(ANNA, start="tomorrow")
    assert (response.status_code, code_of(response)) == (500, "ErrorSchemaValidation")
    assert "StartDate" in response.text


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("StartDate=", "Start="), ("IdOnly", "Everything"), ('StartDate="', 'MaxEntriesReturned="few" StartDate="')],
)
async def test_what_makes_no_sense_is_refused_without_a_schema_too(
    world: World, authority: CertificateAuthority, schema: etree.XMLSchema, right: str, wrong: str
) -> None:
    view = FIND_ITEM.format(fields=field_uris(ALL_FIELDS), start=DAY[0], end=DAY[1], most="", folder="calendar")
    async with (
        ExchangeSimulator(world, authority=authority, schemes=("Basic",)) as simulator,
        plain_client(simulator, authority, schema) as client,
    ):
        response = await client.post(view.replace(right, wrong), as_mailbox=ANNA)
        assert code_of(response) == "ErrorSchemaValidation"


async def test_an_operation_that_is_not_there_is_a_fault(client: PlainClient) -> None:
    response = await client.post('<m:GetServerTimeZones ReturnFullTimeZoneData="false"/>', as_mailbox=ANNA)
    assert (response.status_code, code_of(response)) == (500, "ErrorInvalidRequest")
