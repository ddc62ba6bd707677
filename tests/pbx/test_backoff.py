"""The pauses between connections."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pbx.backoff import JITTER, BackOff
from engine.pbx.failures import (
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxFailure,
    PbxLoginRefused,
    PbxNotUnderstood,
    PbxRightsMissing,
    PbxUnreachable,
    WrongPbx,
)
from tests.pbx.strategies import unhurried


def pauses(back_off: BackOff, *failures: PbxFailure) -> list[float]:
    return [back_off.pause_after(failure).total_seconds() for failure in failures]


def within_jitter(pause: float, least: float) -> bool:
    return least <= pause <= least * (1 + JITTER)


@unhurried
@given(st.randoms(use_true_random=False))
def test_a_lost_network_is_tried_after_1_second_doubling_to_32(random: Random) -> None:
    for pause, least in zip(
        pauses(BackOff(random), *[PbxUnreachable()] * 8), (1, 2, 4, 8, 16, 32, 32, 32), strict=True
    ):
        assert within_jitter(pause, least)


def test_the_jitter_differs() -> None:
    long = pauses(BackOff(Random(1)), *[PbxUnreachable()] * 20)[6:]
    assert all(one != other for one, other in pairwise(long))


def test_after_a_log_in_it_begins_anew() -> None:
    back_off = BackOff(Random(1))
    pauses(back_off, *[PbxUnreachable()] * 5)
    back_off.reset()
    assert within_jitter(pauses(back_off, PbxUnreachable())[0], 1)


def test_a_second_refused_log_in_waits_a_quarter_of_an_hour() -> None:
    first, *later = pauses(BackOff(Random(1)), *[PbxLoginRefused()] * 3)
    assert within_jitter(first, 60)
    assert all(within_jitter(pause, 900) for pause in later)


@pytest.mark.parametrize(
    "failure", [WrongPbx(), PbxRightsMissing(), NotAPbx(), PbxCertificateNotTrusted(), PbxNotUnderstood()]
)
def test_what_needs_a_person_is_tried_once_a_minute(failure: PbxFailure) -> None:
    assert all(within_jitter(pause, 60) for pause in pauses(BackOff(Random(1)), *[failure] * 5))


def test_another_kind_of_failure_begins_its_own_row_of_pauses() -> None:
    found = pauses(BackOff(Random(1)), PbxUnreachable(), PbxUnreachable(), PbxLoginRefused(), PbxUnreachable())
    assert all(within_jitter(pause, least) for pause, least in zip(found, (1, 2, 60, 1), strict=True))
