"""Joins questions that are asked at the same time into groups, each of which takes one request."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from engine.core.clock import Clock
from engine.exchange.errors import ExchangeFailure, MailboxTrouble

Question = TypeVar("Question")
Answer = TypeVar("Answer")

GATHERING = timedelta(seconds=0.2)
"""How long the first question of a group waits for others."""


@dataclass(slots=True, eq=False)
class _Group(Generic[Question, Answer]):
    questions: dict[str, Question] = field(default_factory=dict)
    answers: dict[str, "asyncio.Future[Answer]"] = field(default_factory=dict)

    def join(self, key: str, question: Question) -> "asyncio.Future[Answer]":
        self.questions[key] = question
        self.answers[key] = asyncio.get_running_loop().create_future()
        return self.answers[key]

    def waiting(self) -> Mapping[str, Question]:
        """The questions whose callers still wait."""
        return {key: question for key, question in self.questions.items() if not self.answers[key].done()}

    def end(self, outcomes: Mapping[str, Answer | ExchangeFailure]) -> None:
        for key in self.waiting():
            outcome = outcomes.get(key, MailboxTrouble(f"there is no answer about {key}"))
            if isinstance(outcome, ExchangeFailure):
                self.answers[key].set_exception(outcome)
            else:
                self.answers[key].set_result(outcome)

    def fail(self, error: Exception) -> None:
        for key in self.waiting():
            self.answers[key].set_exception(copy.copy(error))


class Gatherer(Generic[Question, Answer]):
    """Asks groups of up to `most` questions by `ask`, which returns an answer or a failure by the key of each.

    A key is at most once in a group. A group is asked when it is full, or after a moment; `clock` is the network clock.
    """

    def __init__(
        self,
        most: int,
        ask: Callable[[Mapping[str, Question]], Awaitable[Mapping[str, Answer | ExchangeFailure]]],
        clock: Clock,
    ) -> None:
        self._most = most
        self._ask_group = ask
        self._clock = clock
        self._groups: list[_Group[Question, Answer]] = []

    async def ask(self, key: str, question: Question) -> Answer:
        """Return the answer to a question. Raises its failure, or that of its group."""
        group = next((each for each in self._groups if key not in each.questions), None)
        is_first = group is None
        if group is None:
            group = _Group[Question, Answer]()
            self._groups.append(group)
        answer = group.join(key, question)
        try:
            if len(group.questions) == self._most:
                await self._end(group)
            elif is_first:
                async with asyncio.TaskGroup() as tasks:
                    timer = tasks.create_task(self._end_later(group))
                    await asyncio.wait([answer])
                    timer.cancel()
            return await answer
        except asyncio.CancelledError:
            answer.cancel()
            if is_first and group in self._groups:
                self._groups.remove(group)
                group.fail(MailboxTrouble("the request was given up"))
            raise

    async def _end_later(self, group: _Group[Question, Answer]) -> None:
        await self._clock.sleep_until(self._clock.now() + GATHERING)
        if group in self._groups:
            await self._end(group)

    async def _end(self, group: _Group[Question, Answer]) -> None:
        self._groups.remove(group)
        try:
            group.end(await self._ask_group(group.waiting()))
        except asyncio.CancelledError:
            group.fail(MailboxTrouble("the request was given up"))
            raise
        except Exception as error:  # a caller that was cancelled instead would never try again
            group.fail(error)
