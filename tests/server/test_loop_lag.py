"""The lag of the event loop is measured, shown in status and metrics, and reported if it stays high."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema import Status
from engine.server.process_health import EVERY, SPAN, SPANS, TOO_LONG, LoopLag
from tests.support.served_engine import people, served_engine
from tests.support.virtual_time import run_in_virtual_time


def lags(*each: tuple[float, float]) -> LoopLag:
    lag = LoopLag()
    for now, seconds in each:
        lag.note(now, seconds)
    return lag


def test_the_longest_of_the_last_minute_is_kept_and_then_forgotten() -> None:
    lag = lags((100, 0.3), (101, 0.01))
    assert lag.longest == 0.3
    lag.note(159, 0.002)
    assert lag.longest == 0.3
    lag.note(175, 0.002)
    assert lag.longest == 0.002
    assert (lag.count, round(lag.sum, 3)) == (4, 0.314)


@pytest.mark.parametrize("spans", range(1, 3 * SPANS))
def test_it_is_trouble_when_every_span_of_a_minute_was_too_late(spans: int) -> None:
    lag = lags(*((span * SPAN + 1, TOO_LONG + 0.1) for span in range(spans + 1)))
    assert (lag.trouble is not None) == (spans >= SPANS)


def test_one_span_without_a_long_lag_is_the_end_of_the_trouble() -> None:
    lag = lags(*((span * SPAN + 1, 0.7) for span in range(SPANS + 1)))
    assert lag.trouble is not None
    lag.note((SPANS + 1) * SPAN + 1, 0.001)
    assert lag.trouble is not None  # the span of before was late all through
    lag.note((SPANS + 2) * SPAN + 1, 0.001)
    assert lag.trouble is None


def test_a_loop_that_was_held_for_a_minute_was_late_in_all_of_it() -> None:
    lag = lags((205.0, 90.0))
    assert (lag.longest, lag.trouble is not None) == (90.0, True)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_every_lag_is_counted_once(seconds: list[float]) -> None:
    lag = lags(*((1000.0 + number, each) for number, each in enumerate(seconds)))
    counts = [count for _, count in lag.cumulated()]
    assert counts == sorted(counts)
    assert counts[-1] == lag.count == len(seconds)
    for bound, count in lag.cumulated():
        assert count == sum(each <= bound for each in seconds)


def test_the_loop_on_time_has_no_lag() -> None:
    async def minutes() -> LoopLag:
        lag = LoopLag()
        looking = asyncio.get_running_loop().create_task(lag.run())
        await asyncio.sleep(120)
        looking.cancel()
        return lag

    lag = run_in_virtual_time(minutes())
    assert lag.count == pytest.approx(120 / EVERY, abs=2)
    assert lag.longest < 1e-6
    assert lag.trouble is None


async def test_status_and_metrics_tell_it(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(3)) as served:
        await served.settled()
        lag, now = served.api_state.loop_lag, asyncio.get_running_loop().time()
        for span in range(SPANS + 1):
            lag.note(now - (SPANS - span) * SPAN, 7.25)
        status = msgspec.convert(await served.get("/v1/status"), Status)
        assert status.loop_lag == 7.25
        assert [each.trouble.type for each in status.concerns] == ["loop-held"]
        async with served.session().get("/v1/metrics") as response:
            metrics = await response.text()
        assert "# TYPE calendar_engine_loop_lag_seconds histogram" in metrics
        assert 'calendar_engine_loop_lag_seconds_bucket{le="0.05"} ' in metrics
        assert f'calendar_engine_loop_lag_seconds_bucket{{le="+Inf"}} {lag.count}' in metrics
        assert "calendar_engine_loop_lag_longest_seconds 7.25" in metrics
