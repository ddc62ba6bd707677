"""Every request as it is sent, in a readable form, and valid by Microsoft's schema."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pytest_snapshot.plugin import Snapshot

from engine.exchange.ews.availability import get_user_availability
from engine.exchange.ews.find_item import find_item
from engine.exchange.ews.get_item import get_organizers
from engine.exchange.ews.resolve_names import resolve_name
from engine.exchange.ews.soap import Impersonation, envelope
from engine.exchange.ews.streaming.protocol import get_streaming_events, subscribe, unsubscribe
from engine.exchange.source import Window
from tests.exchange.ews.schema import readable, violations

WINDOW = Window(datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 4, 8, tzinfo=UTC))
ANNA = Impersonation("anna.berg@example.com")

REQUESTS = {
    "find_item": envelope(find_item(WINDOW, with_subjects=False), ANNA),
    "find_item_with_subjects": envelope(find_item(WINDOW, with_subjects=True), ANNA),
    "get_item": envelope(get_organizers(["AAMkAD=", "AAMkAE="]), ANNA),
    "get_user_availability": envelope(get_user_availability(["anna@example.com", "ben@example.com"], WINDOW), None),
    "resolve_names_by_the_service_account": envelope(resolve_name("a.berg@example.com"), None),
    "resolve_names_by_a_candidate": envelope(
        resolve_name("a.berg@example.com"), Impersonation("a.berg@example.com", primary=False)
    ),
    "subscribe": envelope(subscribe(), ANNA),
    "unsubscribe": envelope(unsubscribe("HgBleGNo="), ANNA),
    "get_streaming_events": envelope(get_streaming_events(["HgBleGNo=", "HgBleGNp="], 30), None),
    "get_streaming_events_as_the_anchor": envelope(get_streaming_events(["HgBleGNo="], 1), ANNA),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_is_as_agreed(name: str, snapshot: Snapshot) -> None:
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match(readable(REQUESTS[name]), f"{name}.xml")


# The published parts of the schema leave GetUserAvailability out: the simulator takes it apart by hand.
@pytest.mark.parametrize("name", REQUESTS.keys() - {"get_user_availability"})
def test_request_is_valid_by_the_schema(name: str) -> None:
    assert violations(REQUESTS[name]) == []


def test_schema_would_notice_a_faulty_request() -> None:
    assert violations(REQUESTS["find_item"].replace(b"EndDate", b"EndDat")) != []


def test_window_is_told_in_utc_with_all_its_precision() -> None:
    two_hours_east = timezone(timedelta(hours=2))
    start = datetime(2026, 3, 2, 10, tzinfo=two_hours_east)
    request = find_item(Window(start, start + timedelta(microseconds=1)), with_subjects=False)
    assert b'StartDate="2026-03-02T08:00:00Z" EndDate="2026-03-02T08:00:00.000001Z"' in request


@pytest.mark.slow
@given(st.text())
def test_no_address_or_id_breaks_out_of_its_place(text: str) -> None:
    for operation in (
        resolve_name,
        unsubscribe,
        lambda item_id: get_organizers([item_id]),
        lambda identifier: get_streaming_events([identifier], 30),
        lambda address: get_user_availability([address], WINDOW),
    ):
        harmless = etree.fromstring(envelope(operation("a"), Impersonation("a")))
        harmful = etree.fromstring(envelope(operation(text), Impersonation(text)))
        assert [element.tag for element in harmful.iter()] == [element.tag for element in harmless.iter()]


def test_markup_in_an_address_stays_text() -> None:
    root = etree.fromstring(envelope(resolve_name('"<&>"@example.com'), None))
    assert root.findtext(".//{*}UnresolvedEntry") == 'smtp:"<&>"@example.com'
