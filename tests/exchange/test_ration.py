"""The rate limit holds for any sequence of requests, and does not affect moderate use."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.ews.throttle import A_VISIT, OF_A_MAILBOX, Allowance, Ration

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FEW = Allowance(at_once=3, per_minute=6)


def test_some_at_once_and_then_evenly() -> None:
    ration = Ration(FEW)
    delays = [(ration.take("anna", NOW) - NOW).total_seconds() for _ in range(6)]
    assert delays == [0, 0, 0, 10, 20, 30]
    assert ration.take("bert", NOW) == NOW


def test_who_has_waited_may_ask_again() -> None:
    ration = Ration(FEW)
    for _ in range(3):
        ration.take("anna", NOW)
    assert ration.allows("anna", 1, NOW) == NOW + timedelta(seconds=10)
    assert ration.allows("anna", 3, NOW) == NOW + timedelta(seconds=30)
    later = NOW + timedelta(seconds=30)
    assert [ration.take("anna", later) for _ in range(3)] == [later] * 3


def sent(ration: Ration, pauses: Iterable[float]) -> list[datetime]:
    """When requests go out that are asked for after these pauses, each waited for."""
    now, found = NOW, []
    for pause in pauses:
        now = ration.take("anna", now + timedelta(seconds=pause))
        found.append(now)
    return found


@pytest.mark.slow
@given(st.lists(st.floats(0, 30), max_size=300))
def test_no_minute_has_more_than_the_sum(pauses: list[float]) -> None:
    times = sent(Ration(OF_A_MAILBOX), pauses)
    most = OF_A_MAILBOX.at_once + OF_A_MAILBOX.per_minute
    assert all(later - begun >= timedelta(minutes=1) for begun, later in zip(times, times[most:], strict=False))


def test_an_ordinary_day_is_not_delayed() -> None:
    """A first visit that is long, a burst of changes, an administrator who reads again and again, then polling."""
    pauses = [0.1] * 12 + [2] * 10 + [1] * 8 + [30] * 100
    wanted = [NOW + timedelta(seconds=sum(pauses[: n + 1])) for n in range(len(pauses))]
    assert sent(Ration(OF_A_MAILBOX), pauses) == wanted


def test_a_calendar_that_changes_every_second_is_read_every_five() -> None:
    ration, now, reads = Ration(OF_A_MAILBOX), NOW, 0
    while now < NOW + timedelta(minutes=30):
        if ration.allows("anna", A_VISIT, now) <= now:
            assert ration.take("anna", now) == now
            reads += 1
        now += timedelta(seconds=1)
    assert 30 * OF_A_MAILBOX.per_minute <= reads <= 30 * OF_A_MAILBOX.per_minute + OF_A_MAILBOX.at_once


@pytest.mark.slow
def test_who_is_not_asked_for_any_more_is_forgotten() -> None:
    ration = Ration(FEW)
    for number in range(100_000):
        ration.take(str(number), NOW + timedelta(seconds=number))
    assert len(ration) < 2_000
