"""What of Entra's answers MSAL is given: what passes has the types that MSAL computes with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.bounded import NotReadable
from engine.exchange.oauth.answers import check_tenant, check_token

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(
    number=ANYTHING | st.integers(0, 10**10).map(str),
    key=st.sampled_from(["expires_in", "ext_expires_in", "refresh_in"]),
)
def test_a_lifetime_that_passes_is_a_number_of_seconds(number: object, key: str) -> None:
    try:
        check_token(json.dumps({"access_token": "x", key: number}).encode())
    except NotReadable:
        return
    assert 0 <= int(number) <= 10**9  # type: ignore[call-overload]
    assert key != "refresh_in" or type(number) is int or isinstance(number, float)


@pytest.mark.parametrize("number", [0, 3599, "3599", 10**9])
def test_lifetimes_of_both_versions_of_the_log_in_service_pass(number: object) -> None:
    check_token(json.dumps({"access_token": "x", "expires_in": number, "more": {"a": [1]}}).encode())
    check_token(b'{"error":"invalid_client","error_description":"AADSTS7000215","error_codes":[7000215]}')


@given(place=ANYTHING | st.text(max_size=12).map("http://".__add__))
def test_a_secret_is_sent_over_tls_alone(place: object) -> None:
    described = {"authorization_endpoint": "https://login.example/a", "token_endpoint": place}
    with pytest.raises(NotReadable):
        check_tenant(json.dumps(described).encode())


def test_a_tenant_as_entra_describes_it_passes() -> None:
    check_tenant(b'{"authorization_endpoint":"https://l.example/a","token_endpoint":"https://l.example/t","more":[]}')
