"""Anything that a peer sends raises at most a named failure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pbx.errors import PbxNotUnderstood
from engine.pbx.protocol import decode, encode, objects_of, refusal_of, text_of
from tests.pbx.strategies import json_values, messages, unhurried


@unhurried
@given(st.text() | json_values.map(json.dumps) | st.text(alphabet='{}[]":,\\u0d8e1'))
def test_any_text_is_a_message_or_not_understood(text: str) -> None:
    try:
        message = decode(text)
    except PbxNotUnderstood:
        return
    assert isinstance(message, dict)
    encode(message)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 5000, '{"error":' + "9" * 5000 + "}", '{"a":"\ud800"}', "", "[]"]
)
def test_hostile_text_is_not_understood(text: str) -> None:
    with pytest.raises(PbxNotUnderstood):
        decode(text)


@pytest.mark.slow
@unhurried
@given(messages)
def test_members_of_any_type_can_be_looked_at(message: dict[str, object]) -> None:
    for key in message:
        assert isinstance(text_of(message, key), str)
        assert all(isinstance(item, dict) for item in objects_of(message, key))
    reason = refusal_of(message)
    assert reason is None or 0 < len(reason) <= 200


def test_what_is_sent_is_compact_and_not_escaped() -> None:
    assert encode({"note": "Büro & <Gang> 1/2"}) == '{"note":"Büro & <Gang> 1/2"}'


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({}, None),
        ({"error": 0}, None),
        ({"error": 7}, "error 7"),
        ({"error": 7, "errorText": "unknown user"}, "unknown user"),
        ({"errorText": "unknown user"}, "unknown user"),
        ({"error": {"code": 7}}, "an error"),
    ],
)
def test_a_result_is_a_refusal_when_it_carries_an_error(result: dict[str, object], reason: str | None) -> None:
    assert refusal_of(result) == reason
