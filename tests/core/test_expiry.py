"""Warnings before certificates and secrets end: from the thresholds on, and about what ends first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.expiry import MOST_PLACES, THRESHOLDS, Expiries, Expiring, expiry_warning
from tests.support.clock import ManualClock

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SPANS = st.timedeltas(min_value=timedelta(days=-1000), max_value=timedelta(days=1000))


CERTIFICATES = [kind for kind in Expiring if kind is not Expiring.CLOUD_EWS]


@given(left=SPANS)
def test_that_ews_ends_is_said_from_the_first_day_on(left: timedelta) -> None:
    warning = expiry_warning(Expiring.CLOUD_EWS, NOW + left, NOW)
    assert warning is not None
    assert "cloud-graph" in warning.remedy
    assert ("has ended" in warning.meaning) is (left <= timedelta())
    if left > 2 * DAY:
        assert warning.meaning == f"EWS in Exchange Online ends in {left.days} days"


@given(kind=st.sampled_from(CERTIFICATES), left=SPANS)
def test_there_is_a_warning_from_thirty_days_before_the_end_on(kind: Expiring, left: timedelta) -> None:
    warning = expiry_warning(kind, NOW + left, NOW, "somewhere")
    assert (warning is not None) is (left <= timedelta(days=30))
    if warning is not None:
        assert warning.kind is kind
        assert warning.threshold in (*THRESHOLDS, timedelta())
        assert warning.remedy
        assert f"somewhere: {NOW + left:%Y-%m-%d}" in warning.detail
        assert ("has expired" in warning.meaning) is (left <= timedelta())


@given(kind=st.sampled_from(Expiring), one=SPANS, other=SPANS)
def test_the_nearer_the_end_the_lower_the_threshold(kind: Expiring, one: timedelta, other: timedelta) -> None:
    later, sooner = (expiry_warning(kind, NOW + left, NOW) for left in sorted((one, other), reverse=True))
    if later is not None:
        assert sooner is not None
        assert sooner.threshold <= later.threshold


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (30 * DAY, "expires in 30 days"),
        (14 * DAY - timedelta(seconds=1), "expires in 13 days"),
        (DAY, "expires in 1 day"),
        (timedelta(hours=23), "expires within a day"),
        (timedelta(), "has expired"),
    ],
)
def test_the_title_says_how_long(left: timedelta, words: str) -> None:
    warning = expiry_warning(Expiring.PBX_CERTIFICATE, NOW + left, NOW)
    assert warning is not None
    assert warning.meaning == f"The PBX certificate {words}"


def test_a_certificate_that_changes_to_a_longer_one_ends_the_warning() -> None:
    expiries = Expiries(ManualClock(NOW))
    expiries.note(Expiring.EXCHANGE_CERTIFICATE, NOW + 3 * DAY, "mail.corp.example:443")
    expiries.note(Expiring.EXCHANGE_CERTIFICATE, NOW + 20 * DAY, "autodiscover.corp.example:443")
    [warning] = expiries.warnings()
    assert "mail.corp.example:443" in warning.detail
    expiries.note(Expiring.EXCHANGE_CERTIFICATE, NOW + 400 * DAY, "mail.corp.example:443")
    [warning] = expiries.warnings()
    assert "autodiscover.corp.example:443" in warning.detail
    expiries.note(Expiring.EXCHANGE_CERTIFICATE, NOW + 400 * DAY, "autodiscover.corp.example:443")
    assert expiries.warnings() == ()


def test_only_what_matters_is_noted_and_no_more_than_a_number_of_places() -> None:
    expiries = Expiries(ManualClock(NOW), frozenset({Expiring.EXCHANGE_CERTIFICATE}))
    expiries.note(Expiring.PBX_CERTIFICATE, NOW)
    assert not expiries.first
    for number in range(2 * MOST_PLACES):
        expiries.note(Expiring.EXCHANGE_CERTIFICATE, NOW + (2 * MOST_PLACES - number) * DAY, f"host{number}")
    assert [each.place for each in expiries.first] == [f"host{MOST_PLACES - 1}"]
    expiries.forget(Expiring.EXCHANGE_CERTIFICATE)
    assert not expiries.first
