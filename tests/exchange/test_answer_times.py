"""Slowness is reported late, withdrawn late, and never for a few answers."""

from engine.exchange.answer_times import KEPT, KEPT_SECONDS, LEAST, AnswerTimes


def after(*seconds: float) -> AnswerTimes:
    times = AnswerTimes()
    for at, each in enumerate(seconds):
        times.add(each, at)
    return times


def test_half_of_the_answers_decide() -> None:
    assert after(*[12.0] * LEAST).slow_median(0) == 12.0
    assert after(*[12.0] * (LEAST - 1)).slow_median(0) is None
    assert after(*[0.2] * 20, *[60.0] * 10).slow_median(0) is None


def test_between_slow_and_fine_it_stays_as_it_is() -> None:
    assert after(*[3.0] * KEPT).slow_median(KEPT) is None
    times = after(*[6.0] * KEPT)
    assert times.slow_median(KEPT) == 6.0
    for at in range(KEPT):
        times.add(3.0, KEPT + at)
    assert times.slow_median(2 * KEPT) == 3.0
    for at in range(KEPT):
        times.add(2.0, 2 * KEPT + at)
    assert times.slow_median(3 * KEPT) is None


def test_nothing_is_said_when_nothing_was_asked_for_long() -> None:
    times = after(*[12.0] * KEPT)
    assert times.slow_median(KEPT) == 12.0
    assert times.slow_median(KEPT + KEPT_SECONDS + 1) is None
