"""A short run of `make soak`, and a proof that it would detect growth."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.campaigns.soak import Sample, growth, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FLAT = Sample(megabytes=100, objects=1000, descriptors=30, tasks=20, files=4, bytes=100_000)


def test_an_hour_of_work_leaves_nothing_behind() -> None:
    samples = run(seed=20261130, length=timedelta(hours=1), samples=3)
    assert len(samples) == 3
    assert all(each.objects > 50 and each.files > 0 for each in samples)
    assert growth(samples) == []


@pytest.mark.parametrize(
    "more", [{"descriptors": 60}, {"tasks": 60}, {"objects": 2000}, {"files": 9}, {"megabytes": 200}]
)
def test_what_grows_is_noticed(more: dict[str, int]) -> None:
    assert growth([FLAT, FLAT, FLAT]) == []
    assert len(growth([FLAT, FLAT, FLAT, replace(FLAT, **more)])) == 1
