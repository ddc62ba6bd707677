"""A problem keeps its time through an outage that it is a part of, and gets another one when it comes again."""

from datetime import UTC, datetime, timedelta

from engine.exchange.errors import ExchangeUnreachable, MailboxNotFound
from engine.server.state import ProblemTimes
from engine.sync.events import Side
from engine.sync.problems import Problem, Severity

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NO_MAILBOX = Problem(MailboxNotFound(), Severity.NO_CALENDAR, count=2)
FOLDED = Problem(MailboxNotFound(), Severity.NO_CALENDAR, count=2, folded=True)
OUTAGE = Problem(ExchangeUnreachable(), Severity.DOWN, Side.EXCHANGE, 26)


def test_since_when() -> None:
    times = ProblemTimes()
    later = [START + timedelta(minutes=minute) for minute in range(5)]
    [first] = times.shown([NO_MAILBOX], later[0])
    [outage] = times.shown([OUTAGE, FOLDED], later[1])
    [after] = times.shown([NO_MAILBOX], later[2])
    assert times.shown([], later[3]) == ()
    [again] = times.shown([NO_MAILBOX], later[4])
    assert [each.since for each in (first, outage, after, again)] == [later[0], later[1], later[0], later[4]]
    assert (outage.trouble.type, outage.severity, outage.link) == ("exchange-unreachable", "down", "Exchange")
