"""Questions that are asked at the same time share a request, and nobody waits for an answer that never comes."""

import asyncio
from collections.abc import Mapping

import pytest

from engine.exchange.errors import ExchangeFailure, MailboxBusy, MailboxNotFound, MailboxTrouble
from engine.exchange.graph.gathering import Gatherer
from tests.support.clock import ManualClock
from tests.support.quiescence import passes, quiescence


class Asked:
    """Notes the groups; answers each question with its length, "nobody" with a failure, and "missing" not at all."""

    def __init__(self) -> None:
        self.groups: list[Mapping[str, str]] = []
        self.failure: Exception | None = None
        self.answered = asyncio.Event()
        self.answered.set()

    async def __call__(self, questions: Mapping[str, str]) -> Mapping[str, int | ExchangeFailure]:
        self.groups.append(questions)
        await self.answered.wait()
        if self.failure is not None:
            raise self.failure
        answers = {key: MailboxNotFound(key) if key == "nobody" else len(each) for key, each in questions.items()}
        return {key: answer for key, answer in answers.items() if key != "missing"}


def gatherer(asked: Asked, clock: ManualClock) -> Gatherer[str, int]:
    return Gatherer[str, int](3, asked, clock)


async def test_a_group_is_asked_after_a_moment() -> None:
    asked, clock = Asked(), ManualClock()
    gathering = gatherer(asked, clock)
    async with asyncio.TaskGroup() as group:
        one = group.create_task(gathering.ask("a", "x"))
        two = group.create_task(gathering.ask("b", "xx"))
        await quiescence()
        assert asked.groups == []
        await passes(0.2, clock)
    assert (one.result(), two.result()) == (1, 2)
    assert asked.groups == [{"a": "x", "b": "xx"}]


async def test_a_full_group_is_asked_at_once() -> None:
    asked = Asked()
    gathering = gatherer(asked, clock := ManualClock())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(gathering.ask(key, key)) for key in "abcd"]
        await quiescence()
        assert asked.groups == [{"a": "a", "b": "b", "c": "c"}]
        await passes(0.2, clock)
    assert [task.result() for task in tasks] == [1, 1, 1, 1]
    assert len(asked.groups) == 2


async def test_a_key_is_once_in_a_group() -> None:
    asked = Asked()
    gathering = gatherer(asked, clock := ManualClock())
    async with asyncio.TaskGroup() as group:
        for question in ("x", "xx"):
            group.create_task(gathering.ask("a", question))
        await passes(0.2, clock)
    assert asked.groups == [{"a": "x"}, {"a": "xx"}]


async def test_a_failure_is_of_its_question_alone() -> None:
    asked = Asked()
    gathering = gatherer(asked, ManualClock())
    outcomes = await asyncio.gather(
        *(gathering.ask(key, key) for key in ("nobody", "missing", "c")), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [MailboxNotFound, MailboxTrouble, int]


@pytest.mark.parametrize("failure", [MailboxBusy("later", retry_after=7), ValueError("a mistake")])
async def test_everybody_gets_the_failure_of_the_group(failure: Exception) -> None:
    asked = Asked()
    asked.failure = failure
    gathering = gatherer(asked, ManualClock())
    outcomes = await asyncio.gather(*(gathering.ask(key, key) for key in "abc"), return_exceptions=True)
    assert [type(each) for each in outcomes] == [type(failure)] * 3
    assert len({id(each) for each in outcomes}) == 3, "each has its own, since tracebacks are added to them"
    if isinstance(failure, MailboxBusy):
        assert [each.retry_after for each in outcomes if isinstance(each, MailboxBusy)] == [7, 7, 7]


@pytest.mark.parametrize("while_asking", [False, True])
async def test_who_goes_away_takes_nobody_along(while_asking: bool) -> None:
    asked, clock = Asked(), ManualClock()
    gathering = gatherer(asked, clock)
    if while_asking:
        asked.answered.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(gathering.ask("a", "x"))
        await asyncio.sleep(0)
        second = group.create_task(_outcome(gathering, "b"))
        await asyncio.sleep(0)
        if while_asking:
            await passes(0.2, clock)
        first.cancel()
    assert isinstance(second.result(), MailboxTrouble)


async def test_who_did_not_begin_the_group_may_go_away() -> None:
    asked, clock = Asked(), ManualClock()
    gathering = gatherer(asked, clock)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(gathering.ask("a", "x"))
        await asyncio.sleep(0)
        second = group.create_task(gathering.ask("b", "x"))
        await asyncio.sleep(0)
        second.cancel()
        await passes(0.2, clock)
    assert first.result() == 1
    assert asked.groups == [{"a": "x"}]


async def _outcome(gathering: Gatherer[str, int], key: str) -> int | ExchangeFailure:
    try:
        return await gathering.ask(key, key)
    except ExchangeFailure as failure:
        return failure
