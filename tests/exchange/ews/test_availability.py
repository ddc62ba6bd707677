"""Tests of reading free/busy times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from engine.core.appointments import Oddity, ShowAs
from engine.core.presence import PresenceSettings, decide
from engine.exchange.errors import CalendarNotReadable, MailboxNotFound
from engine.exchange.ews.availability import free_busy
from engine.exchange.ews.client import EwsResponse
from engine.exchange.source import Window
from tests.exchange.ews.wire import CLOSING, NAMESPACES, OPENING, Answer

WINDOW = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def event(start: str = "2026-03-02T09:00:00", end: str = "2026-03-02T10:00:00", state: str = "Busy") -> str:
    times = f"<t:StartTime>{start}</t:StartTime><t:EndTime>{end}</t:EndTime>"
    return f"<t:CalendarEvent>{times}<t:BusyType>{state}</t:BusyType></t:CalendarEvent>"


def told(*events: str, level: str = "FreeBusy", code: str = "NoError") -> str:
    kind = "Success" if code == "NoError" else "Error"
    view = f"<t:FreeBusyViewType>{level}</t:FreeBusyViewType>"
    array = f"<t:CalendarEventArray>{''.join(events)}</t:CalendarEventArray>" if events else ""
    return (
        f'<m:FreeBusyResponse><m:ResponseMessage ResponseClass="{kind}"><m:ResponseCode>{code}</m:ResponseCode>'
        f"</m:ResponseMessage><m:FreeBusyView>{view}{array}</m:FreeBusyView></m:FreeBusyResponse>"
    )


def answer(*responses: str) -> EwsResponse:
    array = f"<m:FreeBusyResponseArray>{''.join(responses)}</m:FreeBusyResponseArray>"
    inner = f"<m:GetUserAvailabilityResponse{NAMESPACES}>{array}</m:GetUserAvailabilityResponse>"
    return EwsResponse(Answer(200, f"{OPENING}{inner}{CLOSING}".encode()), None)


def element(response: str) -> etree._Element:
    return answer(response).messages[0].element


def test_times_are_utc_and_states_are_kept() -> None:
    states = {"Free": ShowAs.FREE, "Tentative": ShowAs.TENTATIVE, "OOF": ShowAs.OOF, "Novel": ShowAs.NO_DATA}
    found = free_busy(element(told(*(event(state=state) for state in states))), WINDOW)
    assert [each.show_as for each in found] == list(states.values())
    assert {each.start for each in found} == {datetime(2026, 3, 2, 9, tzinfo=UTC)}
    assert {each.end for each in found} == {datetime(2026, 3, 2, 10, tzinfo=UTC)}
    assert len({each.id for each in found}) == 4
    assert {each.subject for each in found} == {""}


def test_what_was_asked_for_another_is_left_out() -> None:
    events = (event("2026-03-01T22:00:00", "2026-03-02T00:00:00"), event("2026-03-03T00:00:00", "2026-03-03T01:00:00"))
    assert free_busy(element(told(*events)), WINDOW) == ()
    assert len(free_busy(element(told(event("2026-03-01T22:00:00", "2026-03-02T00:00:01"))), WINDOW)) == 1


def test_nobody_busy_is_an_answer() -> None:
    assert free_busy(element(told()), WINDOW) == ()


@pytest.mark.parametrize("level", ["None", "MergedOnly", ""])
def test_an_answer_without_times_is_none(level: str) -> None:
    with pytest.raises(CalendarNotReadable):
        free_busy(element(told(level=level)), WINDOW)


@pytest.mark.parametrize("start", ["", "soon", "2026-13-02T09:00:00"])
def test_times_that_make_no_sense_cost_that_event_and_are_told(start: str) -> None:
    odd, fine = free_busy(element(told(event(start), event())), WINDOW)
    assert (odd.is_understood, odd.oddities) == (False, (Oddity.NOT_UNDERSTOOD,))
    assert fine.oddities == ()


@pytest.mark.parametrize(
    ("zone", "start", "end", "note"),
    [
        ("UTC", "2026-03-02T00:00:00", "2026-03-07T00:00:00", "Away until Friday"),
        ("Europe/Berlin", "2026-03-01T23:00:00", "2026-03-06T23:00:00", "Away until Friday"),
        ("Europe/Berlin", "2026-03-01T23:00:00", "2026-03-06T22:00:00", "Away until Friday 11pm"),
        ("Asia/Kolkata", "2026-03-01T18:30:00", "2026-03-02T18:30:00", "Away, all day"),
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29T22:00:00", "Away, all day"),
        ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25T23:00:00", "Away, all day"),
        ("Asia/Beirut", "2026-03-28T22:00:00", "2026-03-29T21:00:00", "Away, all day"),
        ("Europe/Berlin", "2026-03-02T23:00:00", "2026-03-02T23:00:00", ""),
    ],
)
def test_from_midnight_to_midnight_where_presence_is_told_is_whole_days(
    zone: str, start: str, end: str, note: str
) -> None:
    everything = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    found = free_busy(element(told(event(start, end, "OOF"))), everything)
    settings = PresenceSettings(timezone=ZoneInfo(zone))
    noon = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(hours=12)
    assert decide(found, settings, noon).presence.note == note


def test_each_mailbox_has_its_own_failure() -> None:
    judged = answer(told(), told(code="ErrorMailRecipientNotFound"), told(code="ErrorNoFreeBusyAccess"))
    good, unknown, hidden = judged.messages
    assert not good.failed
    assert isinstance(judged.failure(unknown, about="x@example.com"), MailboxNotFound)
    assert isinstance(judged.failure(hidden, about="y@example.com"), CalendarNotReadable)
    assert "y@example.com" in judged.failure(hidden, about="y@example.com").detail
    assert judged.busy is None
