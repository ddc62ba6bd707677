"""A short slice of `make fuzz`."""

import contextlib
from random import Random

import pytest

from engine.exchange.failures import ExchangeBusy, LoginMethodNotOffered
from tests.campaigns.fuzz.__main__ import PLANTED, Figures, one
from tests.campaigns.fuzz.targets import TARGETS

INPUTS = 150


@pytest.mark.parametrize("name", [*TARGETS, PLANTED])
def test_whatever_comes_is_read_or_refused_by_name(name: str) -> None:
    random, figures = Random(f"20261130/{name}"), Figures()
    for _ in range(INPUTS):
        one(name, random, figures)
    assert figures.violations == []
    assert figures.inputs[name] == INPUTS


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name: str) -> None:
    read, samples = TARGETS[name]
    for sample in samples:
        with contextlib.suppress(ExchangeBusy, LoginMethodNotOffered):
            read(sample)
