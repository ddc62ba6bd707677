"""The limits on log-ins stay below every policy that locks after five within 15 minutes to a day."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.logins import rules
from engine.logins.rules import Attempt, Attempts, LogInOutcome, Paused

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BAD = (LogInOutcome.REFUSED, LogInOutcome.UNDECIDED, LogInOutcome.BEGUN)


def tried_greedily(
    attempts: Attempts, credential: str, outcome: LogInOutcome, time: timedelta
) -> tuple[Attempts, list[datetime]]:
    """Try as soon as it is allowed for as long as `time`; every log-in ends with `outcome`."""
    now, tried = START, []
    while now < START + time:
        pause = rules.paused(attempts, credential, now)
        if pause is not None:
            now = pause.until
            continue
        attempts = rules.begun(attempts, credential, now)
        attempts = rules.tidied(rules.settled(attempts, attempts[-1], outcome), now)
        tried.append(now)
        now += timedelta(seconds=1)
    return attempts, tried


def most_within(tried: list[datetime], window: timedelta) -> int:
    return max(sum(begin <= each < begin + window for each in tried) for begin in tried)


@pytest.mark.parametrize("outcome", BAD)
def test_a_secret_that_nothing_proves_is_tried_twice_then_ever_later(outcome: LogInOutcome) -> None:
    _, tried = tried_greedily((), "a", outcome, 4 * DAY)
    hours = [round((each - START) / HOUR) for each in tried]
    assert hours == [0, 0, 1, 5, 29, 53, 77]
    assert most_within(tried, DAY) == 4


@pytest.mark.parametrize(("window", "most"), [(15 * MINUTE, 4), (30 * MINUTE, 4), (HOUR, 6)])
def test_a_trusted_secret_is_paced_and_never_locked_out_for_long(window: timedelta, most: int) -> None:
    _, tried = tried_greedily(rules.proved("a", START - DAY), "a", LogInOutcome.UNDECIDED, DAY)
    pauses = [later - before for before, later in pairwise(tried)]
    assert max(pauses) == 15 * MINUTE
    assert most_within(tried, window) <= most


def test_a_refusal_ends_the_trust() -> None:
    attempts = rules.proved("a", START - DAY)
    _, tried = tried_greedily(attempts, "a", LogInOutcome.REFUSED, 3 * DAY)
    assert most_within(tried, DAY) == 4


def test_another_secret_is_tried_at_once_and_the_account_stays_below_five_an_hour() -> None:
    attempts: Attempts = ()
    tried: list[datetime] = []
    for secret in "abcdefgh":
        attempts, more = tried_greedily(attempts, secret, LogInOutcome.REFUSED, 30 * MINUTE)
        tried += more
        assert more or len(tried) == 4, secret
    assert len(tried) == 4


def test_a_secret_that_was_refused_before_is_known_again() -> None:
    attempts, _ = tried_greedily((), "a", LogInOutcome.REFUSED, MINUTE)
    attempts, _ = tried_greedily(attempts, "b", LogInOutcome.REFUSED, MINUTE)
    assert rules.paused(attempts, "a", START + 2 * MINUTE) is not None


def test_a_proof_begins_everything_again() -> None:
    attempts, _ = tried_greedily((), "a", LogInOutcome.REFUSED, MINUTE)
    assert rules.paused(rules.proved("a", START + MINUTE), "a", START + MINUTE) is None
    assert rules.paused(attempts, "a", START + MINUTE) is not None


def test_who_asks_has_one_more_and_four_in_15_minutes_at_most() -> None:
    attempts, tried = tried_greedily((), "a", LogInOutcome.REFUSED, MINUTE)
    now = START + MINUTE
    for _ in range(2):
        attempts = rules.asked(attempts, now)
        attempts = rules.begun(attempts, "a", now)
        attempts = rules.settled(attempts, attempts[-1], LogInOutcome.REFUSED)
        assert rules.paused(attempts, "a", now) is not None, "one was asked for, not two"
        now += timedelta(seconds=1)
    with pytest.raises(Paused) as pause:
        rules.asked(attempts, now)
    assert pause.value.until == tried[0] + 15 * MINUTE


def test_a_clock_that_was_set_back_prolongs_nothing() -> None:
    attempts, tried = tried_greedily((), "a", LogInOutcome.REFUSED, MINUTE)
    now = START - 30 * DAY
    pause = rules.paused(rules.tidied(attempts, now), "a", now)
    assert len(tried) == 2
    assert pause is not None
    assert pause.until == now + HOUR


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from([*BAD, LogInOutcome.ASKED]),
            st.timedeltas(min_value=timedelta(), max_value=3 * HOUR),
        ),
        max_size=40,
    )
)
def test_whatever_happens_no_more_than_four_are_tried_within_15_minutes(
    steps: list[tuple[str, LogInOutcome, timedelta]],
) -> None:
    attempts: Attempts = ()
    tried: list[datetime] = []
    now = START
    for credential, outcome, later in steps:
        now += later
        attempts = rules.tidied(attempts, now)
        try:
            if outcome is LogInOutcome.ASKED:
                attempts = rules.asked(attempts, now)
                continue
            attempts = rules.begun(attempts, credential, now)
        except Paused:
            continue
        attempts = rules.settled(attempts, Attempt(credential, now, LogInOutcome.BEGUN), outcome)
        tried.append(now)
    assert not tried or most_within(tried, 15 * MINUTE) <= 4
    assert len(attempts) <= rules.KEPT + 1
