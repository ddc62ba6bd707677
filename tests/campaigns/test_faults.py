"""A short run of `make faults`."""

import pytest

from tests.campaigns.faults.__main__ import run_site

# The HTTP library leaves a socket to the garbage collector when a TLS handshake is broken off, as happens here a lot.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_after_random_faults_the_pbx_shows_what_the_calendars_say() -> None:
    figures = run_site(seed=20261130, number=0, steps=60)
    assert figures.violation == ""
    assert figures.steps == 60
    assert figures.settles > 1
    assert figures.writes > 0
