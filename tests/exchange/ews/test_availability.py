"""What becomes of the free/busy times that Exchange tells."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from engine.core.appointments import ShowAs
from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.availability import free_busy
from engine.exchange.failures import CalendarNotReadable, MailboxNotFound, NotUnderstood
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


def answer(*responses: str) -> EwsAnswer:
    array = f"<m:FreeBusyResponseArray>{''.join(responses)}</m:FreeBusyResponseArray>"
    inner = f"<m:GetUserAvailabilityResponse{NAMESPACES}>{array}</m:GetUserAvailabilityResponse>"
    return EwsAnswer(Answer(200, f"{OPENING}{inner}{CLOSING}".encode()), None)


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
def test_times_that_make_no_sense_are_not_left_out_silently(start: str) -> None:
    with pytest.raises(NotUnderstood):
        free_busy(element(told(event(start))), WINDOW)


def test_each_mailbox_has_its_own_failure() -> None:
    judged = answer(told(), told(code="ErrorMailRecipientNotFound"), told(code="ErrorNoFreeBusyAccess"))
    good, unknown, hidden = judged.messages
    assert not good.failed
    assert isinstance(judged.failure(unknown, about="x@example.com"), MailboxNotFound)
    assert isinstance(judged.failure(hidden, about="y@example.com"), CalendarNotReadable)
    assert "y@example.com" in judged.failure(hidden, about="y@example.com").detail
    assert judged.busy is None
