"""The permissions that a token names, whatever it looks like."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.oauth.roles import roles_in


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"Bearer head.{body}.signature"


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["Calendars.ReadBasic.All", "User.Read.All"]}, ("Calendars.ReadBasic.All", "User.Read.All")),
        ({"aud": "https://graph.microsoft.com"}, ()),
        ({"roles": "Calendars.Read"}, None),
        ({"roles": [7]}, None),
        ("roles", None),
    ],
)
def test_roles(claims: object, roles: tuple[str, ...] | None) -> None:
    assert roles_in(token(claims)) == roles


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer opaque", "Bearer a.b", "Bearer a.%%%.c", "Bearer .e30.c"]
)
def test_a_token_of_another_form_names_none(authorization: str) -> None:
    assert roles_in(authorization) is None


@given(st.text() | st.text().map(lambda text: f"Bearer head.{text}.signature"))
def test_any_text_is_no_failure(authorization: str) -> None:
    found = roles_in(authorization)
    assert found is None or all(isinstance(role, str) for role in found)


@given(st.lists(st.text(max_size=5), min_size=300, max_size=400))
def test_no_more_roles_than_anybody_reads(roles: list[str]) -> None:
    assert len(roles_in(token({"roles": roles})) or ()) == 200
