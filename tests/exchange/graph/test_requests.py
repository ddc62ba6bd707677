"""What is sent to Graph: valid by Microsoft's schema, and no more than the settings need."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.graph.batch import PARTS, encode_batch
from engine.exchange.graph.requests import (
    ADDRESSES_OF_A_FILTER,
    SCHEDULES_OF_A_REQUEST,
    GraphRequest,
    calendar_view,
    find_users,
    get_schedule,
    next_page,
)
from engine.exchange.source import Window
from tests.support.graph_schema import Schema

SCHEMA = Schema()
WINDOW = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, 0, 0, 0, 500, tzinfo=UTC))
USERS = st.text(min_size=1, max_size=40).filter(lambda text: text not in (".", ".."))


def findings(*requests: GraphRequest) -> list[str]:
    alone = [
        finding
        for each in requests
        for finding in SCHEMA.request(each.method, f"/v1.0{each.url}", each.headers, each.body)
    ]
    return alone + SCHEMA.batch(json.loads(encode_batch(requests)))


@pytest.mark.parametrize("with_subjects", [True, False])
@pytest.mark.parametrize("with_organizers", [True, False])
def test_a_window_of_a_calendar(with_subjects: bool, with_organizers: bool) -> None:
    request = calendar_view("anna@example.com", WINDOW, with_subjects=with_subjects, with_organizers=with_organizers)
    assert findings(request) == []
    fields = parse_qs(urlsplit(request.url).query)["$select"][0].split(",")
    assert ("subject" in fields, "organizer" in fields) == (with_subjects, with_organizers)
    assert not {"body", "bodyPreview", "attendees", "location"} & set(fields)
    assert "startDateTime=2026-03-02T00:00:00Z&endDateTime=2026-03-04T00:00:00Z" in request.url


def test_times_are_sent_in_utc() -> None:
    east = Window(*(each.astimezone(tz=None) for each in (WINDOW.start, WINDOW.end)))
    assert get_schedule("a@example.com", ["a@example.com"], east) == get_schedule(
        "a@example.com", ["a@example.com"], WINDOW
    )


@given(USERS)
def test_any_name_is_one_step_of_the_path(user: str) -> None:
    requests = (
        calendar_view(user, WINDOW, with_subjects=False, with_organizers=False),
        get_schedule(user, ["anna@example.com"], WINDOW),
    )
    assert findings(*requests) == []
    assert [urlsplit(each.url).path.count("/") for each in requests] == [3, 4]


def test_another_page_has_the_same_headers() -> None:
    url = "/users/anna@example.com/calendarView?startDateTime=2026-03-02T00%3a00%3a00Z&endDateTime=2026-03-03&%24skip=3"
    first = calendar_view("anna@example.com", WINDOW, with_subjects=True, with_organizers=True)
    assert next_page(url).headers == first.headers
    assert next_page(url).url == url


def test_schedules_of_many() -> None:
    addresses = [f"user{number}@example.com" for number in range(SCHEDULES_OF_A_REQUEST)]
    assert findings(get_schedule(addresses[0], addresses, WINDOW)) == []


@pytest.mark.slow
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=ADDRESSES_OF_A_FILTER))
def test_a_look_up_in_the_directory(addresses: list[str]) -> None:
    request = find_users(addresses)
    assert findings(request) == []
    (told,) = parse_qs(urlsplit(request.url).query)["$filter"]
    assert told.count(" or ") >= 3 * len(addresses) - 1
    for address in addresses:
        assert f"proxyAddresses/any(p:p eq 'smtp:{address.replace(chr(39), chr(39) * 2)}')" in told


def test_a_full_batch() -> None:
    later = WINDOW.end + timedelta(days=1)
    requests = [
        calendar_view(f"user{number}@example.com", Window(WINDOW.end, later), with_subjects=True, with_organizers=False)
        for number in range(PARTS)
    ]
    assert findings(*requests) == []
