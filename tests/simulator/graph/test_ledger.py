"""What is recorded of requests, what is complained about, and how answers are sent."""

import pytest

from tests.simulator.graph.client import ANNA, DAY, PlainGraph

PATH = f"/users/{ANNA}/calendarView"
REQUEST_ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.mark.parametrize(
    ("header", "value", "complaint"),
    [
        ("User-Agent", "python-httpx/0.28", "no User-Agent of its own"),
        ("User-Agent", "", "no User-Agent of its own"),
        ("client-request-id", "7", "client-request-id is missing or no GUID"),
        ("Accept-Encoding", "identity", "gzip is not asked for"),
        ("Prefer", 'IdType="ImmutableId"', "calendarView without Prefer: outlook.timezone"),
        ("Accept", "application/json", ""),
    ],
)
async def test_a_header_that_is_missing_is_complained_about(
    cloud: PlainGraph, header: str, value: str, complaint: str
) -> None:
    query = f"startDateTime={DAY[0][:10]}T00:00Z&endDateTime={DAY[1][:10]}T00:00Z&$select=id&$top=5"
    good = {"client-request-id": REQUEST_ID, "Prefer": 'outlook.timezone="UTC"'}
    response = await cloud.http.get(f"{cloud.graph.url}/v1.0{PATH}?{query}", headers={**good, header: value})
    assert response.status_code == 200
    assert cloud.graph.ledger.complaints == ([complaint] if complaint else [])


async def test_answers_are_compressed_if_asked_and_have_ids(cloud: PlainGraph) -> None:
    response = await cloud.view(top="50")
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["client-request-id"] == response.request.headers["client-request-id"]
    assert response.headers["Preference-Applied"] == 'outlook.timezone="UTC"'
    cloud.http.headers["Accept-Encoding"] = "identity"
    response = await cloud.view("nobody@corp.example")
    assert "Content-Encoding" not in response.headers
    inner = response.json()["error"]["innerError"]
    assert inner["client-request-id"] == response.request.headers["client-request-id"]
    assert inner["request-id"]


@pytest.mark.parametrize("path", ["/me/calendarView", "/users/x/messages", "", "/groups", f"{PATH}/delta"])
async def test_what_is_not_there_is_a_bad_request(cloud: PlainGraph, path: str) -> None:
    assert (await cloud.get(path)).status_code == 400
    assert (await cloud.get(f"{cloud.graph.url}/beta{PATH}")).status_code == 400


async def test_paths_ignore_case_and_a_key_may_be_in_parentheses(cloud: PlainGraph) -> None:
    for path in (f"/Users/{ANNA.upper()}/CalendarView", f"/users('{ANNA}')/calendar/calendarview"):
        response = await cloud.get(path, startDateTime=DAY[0], endDateTime=DAY[1], select="id", top="5")
        assert response.status_code == 200
    assert {record.mailbox for record in cloud.graph.ledger.records()} == {ANNA}


async def test_connections_are_numbered(cloud: PlainGraph) -> None:
    await cloud.view(top="50")
    await cloud.view(top="50")
    assert cloud.graph.ledger.connections == 1


async def test_graph_has_its_real_name_as_well(cloud: PlainGraph) -> None:
    await cloud.log_in("Calendars.ReadBasic.All", resource="https://graph.microsoft.com")
    url = f"https://graph.microsoft.com/v1.0{PATH}"
    response = await cloud.get(url, startDateTime=DAY[0], endDateTime=DAY[1], select="id", top="3")
    link = response.raise_for_status().json()["@odata.nextLink"]
    assert link.startswith("https://graph.microsoft.com/v1.0/users/")
    assert (await cloud.get(link)).status_code == 200
    assert {record.host for record in cloud.graph.ledger.records()} == {"graph.microsoft.com"}
