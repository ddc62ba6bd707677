"""Free/busy times by getSchedule."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from engine.core.appointments import Oddity, ShowAs
from engine.core.presence import PresenceSettings, decide
from engine.exchange.errors import (
    CalendarNotReadable,
    CalendarTooFull,
    ExchangeFailure,
    MailboxNotFound,
    MailboxTrouble,
    NotUnderstood,
)
from engine.exchange.graph.schedules import Schedule, schedules
from engine.exchange.source import Window
from tests.exchange.graph.wire import BODIES, at
from tests.support.graph_schema import Schema, sample

ANNA, BEN = "anna@example.com", "ben@example.com"
WINDOW = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def busy(**changes: Any) -> dict[str, Any]:
    return {"status": "busy", "start": at("03-02T09:00"), "end": at("03-02T10:00")} | changes


def told(*items: Any, of: str = ANNA) -> dict[str, Any]:
    return {"scheduleId": of, "availabilityView": "0", "scheduleItems": list(items)}


def refused(code: Any, of: str = ANNA) -> dict[str, Any]:
    return {"scheduleId": of, "error": {"responseCode": code, "message": "x"}}


def read(*answers: Any, addresses: tuple[str, ...] = (ANNA,)) -> dict[str, Schedule]:
    return schedules(json.dumps({"value": answers}).encode(), addresses, WINDOW)


def read_one(*answers: Any) -> Schedule:
    return read(*answers)[ANNA]


def test_answers_of_these_tests_are_valid_by_the_schema() -> None:
    answers = {"value": [told(busy()), refused("5009", BEN)]}
    assert Schema().collection("scheduleInformation", answers) == []


def test_the_documented_answer() -> None:
    window = Window(datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC))
    found = schedules(json.dumps(sample("schedule")).encode(), [ANNA, "nobody@example.com"], window)
    items = found[ANNA]
    assert isinstance(items, tuple)
    assert [each.show_as for each in items] == [ShowAs.BUSY, ShowAs.OOF]
    assert isinstance(found["nobody@example.com"], MailboxNotFound)


def test_times_and_states() -> None:
    states = ("free", "tentative", "busy", "oof", "workingElsewhere", "unknown", "napping")
    items = read_one(told(*(busy(status=state) for state in states)))
    assert isinstance(items, tuple)
    assert [each.show_as for each in items] == [
        *(ShowAs.FREE, ShowAs.TENTATIVE, ShowAs.BUSY, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE),
        *(ShowAs.NO_DATA, ShowAs.NO_DATA),
    ]
    assert {each.start for each in items} == {datetime(2026, 3, 2, 9, tzinfo=UTC)}
    assert {each.subject for each in items} == {""}
    assert len({each.id for each in items}) == len(states)
    assert [each.oddities for each in items][-1] == (Oddity.UNKNOWN_SHOW_AS,)


def test_whole_days_are_recognised_by_their_length() -> None:
    items = read_one(told(busy(start=at("03-01T23:00"), end=at("03-02T23:00"))))
    assert isinstance(items, tuple)
    (reason,) = decide(items, PresenceSettings(timezone=ZoneInfo("Europe/Berlin")), WINDOW.start).reasons
    assert reason.all_day


def test_what_was_asked_for_another_is_left_out() -> None:
    before, after = (("03-01T22:00", "03-02T00:00"), ("03-03T00:00", "03-03T01:00"))
    assert read_one(told(*(busy(start=at(start), end=at(end)) for start, end in (before, after)))) == ()


@pytest.mark.parametrize("broken", [None, 5, {}, busy(start=None), busy(end={"dateTime": "later"})])
def test_an_item_that_cannot_be_understood_is_odd(broken: Any) -> None:
    items = read_one(told(broken, busy()))
    assert isinstance(items, tuple)
    assert [each.is_understood for each in items] == [False, True]


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("5009", MailboxNotFound),
        (5009, MailboxNotFound),
        ("ErrorMailRecipientNotFound", MailboxNotFound),
        ("errorinvalidsmtpaddress", MailboxNotFound),
        ("5006", CalendarTooFull),
        ("ErrorNoFreeBusyAccess", CalendarNotReadable),
        ("ErrorOfTheFuture", MailboxTrouble),
        (None, MailboxTrouble),
    ],
)
def test_a_refusal_is_of_its_address_alone(code: Any, failure: type[ExchangeFailure]) -> None:
    found = read(refused(code), told(busy(), of=BEN), addresses=(ANNA, BEN))
    assert type(found[ANNA]) is failure
    assert isinstance(found[BEN], tuple)


def test_addresses_are_told_apart_whatever_their_case_and_order() -> None:
    found = read(told(of="BEN@example.com"), told(busy(), of="Anna@Example.com"), addresses=(ANNA, BEN))
    assert [len(times) for times in found.values() if isinstance(times, tuple)] == [0, 1]


def test_an_address_without_an_answer_is_in_trouble() -> None:
    found = read(told(busy()), None, told(of="stranger@example.com"), addresses=(ANNA, BEN))
    assert isinstance(found[BEN], MailboxTrouble)
    assert set(found) == {ANNA, BEN}


def test_no_times_at_all_are_not_no_appointments() -> None:
    assert isinstance(read_one({"scheduleId": ANNA, "scheduleItems": None}), CalendarNotReadable)


@pytest.mark.slow
@given(BODIES)
def test_whatever_comes_is_an_answer_or_not_understood(body: bytes) -> None:
    with contextlib.suppress(NotUnderstood):
        assert set(schedules(body, [ANNA, BEN], WINDOW)) == {ANNA, BEN}
