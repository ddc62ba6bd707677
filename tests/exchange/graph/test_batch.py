"""Answers to a batch reach the request that they answer, or none."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.errors import NotUnderstood
from engine.exchange.graph.batch import GraphAnswer, decode_batch
from tests.exchange.graph.wire import BODIES
from tests.support.graph_schema import Schema, sample


def part(number: int | str, status: int = 200, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "status": status, "headers": {"Retry-After": str(number)}, "body": {"of": number}} | more


def decoded(*parts: Any, requests: int = 3) -> list[GraphAnswer | None]:
    return decode_batch(json.dumps({"responses": parts}).encode(), requests)


def numbers(answers: list[GraphAnswer | None]) -> list[int | None]:
    return [None if each is None else json.loads(each.body)["of"] for each in answers]


def test_the_documented_answer() -> None:
    answer = sample("batch-answer")
    for each in answer["responses"]:
        each["id"] = str(int(each["id"]) + 1)
    assert Schema().batch_answer(answer) == []
    answers = decode_batch(json.dumps(answer).encode(), 4)
    assert [each and each.status for each in answers] == [200, 429, 404, 404]
    assert answers[1] is not None
    assert answers[1].headers["retry-after"] == "5"


@given(st.permutations(range(1, 21)), st.integers(0, 20))
def test_answers_in_any_order_and_cut_off(order: list[int], kept: int) -> None:
    answers = decoded(*map(part, order[:kept]), requests=20)
    assert numbers(answers) == [number if number in order[:kept] else None for number in range(1, 21)]


def test_what_came_twice_counts_as_missing() -> None:
    assert numbers(decoded(part(1), part(2), part(2, status=404), part(3))) == [1, None, 3]


@pytest.mark.parametrize("stranger", [4, 0, -1, "", "x", "1e0", "١", "9" * 5000])
def test_what_was_not_requested_is_ignored(stranger: int | str) -> None:
    assert numbers(decoded(part(stranger), part(1), part(2), part(3))) == [1, 2, 3]


@pytest.mark.parametrize(
    "spoiled", [None, 5, [], {"id": "2"}, part(2, status=99), part(2, headers=7), {**part(2), "status": "200"}]
)
def test_a_part_that_cannot_be_understood_is_missing(spoiled: Any) -> None:
    assert numbers(decoded(part(1), spoiled, part(3))) == [1, None, 3]


def test_a_number_as_id_and_headers_without_a_value_are_lived_with() -> None:
    (answer,) = decoded({"id": 1, "status": 204, "headers": {"Retry-After": None}}, requests=1)
    assert answer == GraphAnswer(204, {}, b"null")


@pytest.mark.slow
@given(BODIES)
def test_whatever_comes_is_an_answer_or_not_understood(body: bytes) -> None:
    with contextlib.suppress(NotUnderstood):
        assert len(decode_batch(body, 20)) == 20
