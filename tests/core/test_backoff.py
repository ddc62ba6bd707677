from datetime import timedelta
from random import Random

from engine.core.backoff import Backoff


def test_pauses_double_up_to_the_longest_with_a_quarter_of_jitter() -> None:
    backoff = Backoff(first=1, longest=32, random=Random(1))
    pauses = [backoff.next().total_seconds() for _ in range(8)]
    for pause, full in zip(pauses, [1, 2, 4, 8, 16, 32, 32, 32], strict=True):
        assert 0.75 * full <= pause <= full
    assert len(set(pauses[5:])) == 3


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff(first=5, longest=300, random=Random(1))
    for _ in range(4):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= timedelta(seconds=5)
