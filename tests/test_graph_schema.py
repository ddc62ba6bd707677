"""The checks against Microsoft's schema pass what is documented, and find what is spoiled."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.graph_schema import Schema, error_samples, sample

SCHEMA = Schema()
VIEW = "/v1.0/users/anna@example.com/calendarView"
SPAN = "?startDateTime=2026-12-01T00:00:00Z&endDateTime=2026-12-02T00:00:00Z"
JSON = {"Content-Type": "application/json"}
SCHEDULE = {
    "schedules": ["anna@example.com"],
    "availabilityViewInterval": 30,
    "startTime": {"dateTime": "2026-12-01T00:00:00", "timeZone": "UTC"},
    "endTime": {"dateTime": "2026-12-02T00:00:00", "timeZone": "UTC"},
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("event", "events"), ("event", "events-first-page"), ("scheduleInformation", "schedule"), ("user", "users")],
)
def test_documented_answers_pass(kind: str, name: str) -> None:
    assert SCHEMA.collection(kind, sample(name)) == []


@pytest.mark.parametrize("name", error_samples())
def test_documented_errors_pass(name: str) -> None:
    assert SCHEMA.error(sample(name)) == []


def test_a_documented_batch_passes_with_its_answer() -> None:
    batch = sample("batch-request")
    assert SCHEMA.request("POST", "/v1.0/$batch", JSON, batch) == []
    assert SCHEMA.batch_answer(sample("batch-answer"), batch) == []


@pytest.mark.parametrize(
    ("method", "url", "headers", "body"),
    [
        (
            "GET",
            VIEW + SPAN + "&$top=100&$select=id,start",
            {"Prefer": 'outlook.timezone="UTC", IdType="ImmutableId"'},
            None,
        ),
        ("GET", "/v1.0/users('anna@example.com')/calendar/calendarView" + SPAN, {}, None),
        ("POST", "/v1.0/users/a/calendar/getSchedule", JSON, SCHEDULE),
        ("GET", "/v1.0/users/a?$select=id,mail,proxyAddresses", {}, None),
        ("GET", "/v1.0/users?$filter=mail in ('a@example.com','o''neil@example.com')&$select=id,mail", {}, None),
    ],
)
def test_documented_requests_pass(method: str, url: str, headers: dict[str, str], body: Any) -> None:
    assert SCHEMA.request(method, url, headers, body) == []


@pytest.mark.parametrize(
    ("method", "url", "headers", "body"),
    [
        ("GET", VIEW, {}, None),
        ("GET", VIEW + "/AAk=" + SPAN, {}, None),
        ("GET", VIEW + "?startDateTime=2026-12-01T00:00:00+01:00&endDateTime=2026-12-02T00:00:00Z", {}, None),
        ("GET", VIEW + SPAN + "&$select=title", {}, None),
        ("GET", VIEW + SPAN + "&$top=1001", {}, None),
        ("GET", VIEW + SPAN, {"Prefer": "outlook.timezone=UTC"}, None),
        ("GET", "/v1.0/users?$filter=mail in (" + ",".join(["'a'"] * 16) + ")", {}, None),
        ("GET", "/v1.0/users?$filter=mail eq 'o'neil'", {}, None),
        ("DELETE", "/v1.0/users/a/calendar", {}, None),
        ("POST", "/v1.0/users/a/calendar/getSchedule", JSON, SCHEDULE | {"schedules": ["a@example.com"] * 21}),
        ("POST", "/v1.0/users/a/calendar/getSchedule", JSON, SCHEDULE | {"availabilityViewInterval": None}),
        ("POST", "/v1.0/users/a/calendar/getSchedule", {}, SCHEDULE),
    ],
)
def test_spoiled_requests_are_found(method: str, url: str, headers: dict[str, str], body: Any) -> None:
    assert SCHEMA.request(method, url, headers, body)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda events: events[0].update(showAs="away"),
        lambda events: events[0]["start"].update(dateTime="2026-12-01T08:00:00Z"),
        lambda events: events[0]["start"].pop("timeZone"),
        lambda events: events[3]["start"].update(dateTime="2026-12-02T12:00:00"),
        lambda events: events[0].update(end=events[0]["start"], start=events[0]["end"]),
        lambda events: events[0].update(isAllDay="false"),
        lambda events: events[0].update(IsAllDay=False),
        lambda events: events[0].pop("id"),
        lambda events: events.append(copy.deepcopy(events[0])),
    ],
)
def test_spoiled_events_are_found(spoil: Callable[[list[Any]], object]) -> None:
    page = sample("events")
    spoil(page["value"])
    assert SCHEMA.collection("event", page)


def test_what_was_not_selected_is_found() -> None:
    assert SCHEMA.collection("event", sample("events"), select=["id", "start"])


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://graph.microsoft.com/v1.0" + VIEW + SPAN},
        {"headers": {"Authorization": "Bearer x"}},
        {"id": 1},
        {"id": "1"},
        {"depends_on": []},
    ],
)
def test_spoiled_parts_are_found(change: dict[str, Any]) -> None:
    batch = sample("batch-request")
    batch["requests"][0] |= change
    assert SCHEMA.batch(batch)


def test_too_many_parts_are_found() -> None:
    part = sample("batch-request")["requests"][0]
    assert SCHEMA.batch({"requests": [part | {"id": str(number)} for number in range(21)]})


def test_an_answer_without_one_part_is_found() -> None:
    answer = sample("batch-answer")
    del answer["responses"][0]
    assert SCHEMA.batch_answer(answer, sample("batch-request"))
