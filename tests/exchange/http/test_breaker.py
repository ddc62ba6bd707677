"""Refused in a row and under way together never exceed two, whatever the order of things."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.failures import LoginRefused
from engine.exchange.http.breaker import LoginBreaker
from tests.support.clock import ManualClock


class Server:
    """Takes log-ins in the order and at the moments a test says; counts those refused in a row."""

    def __init__(self, outcomes: list[bool | None]) -> None:
        self.outcomes = outcomes
        self.under_way = 0
        self.refused_in_a_row = 0
        self.most = 0

    async def log_in(self, breaker: LoginBreaker, turns: int) -> None:
        async with breaker.log_in():
            self.under_way += 1
            self.most = max(self.most, self.under_way + self.refused_in_a_row)
            for _ in range(turns):
                await asyncio.sleep(0)
            self.under_way -= 1
            outcome = self.outcomes.pop() if self.outcomes else False
            if outcome:
                self.refused_in_a_row = 0
                breaker.accepted()
            elif outcome is False:
                self.refused_in_a_row += 1
                breaker.refused()


@given(
    outcomes=st.lists(st.sampled_from([True, False, None]), max_size=20),
    turns=st.lists(st.integers(0, 5), min_size=1, max_size=20),
)
async def test_no_more_than_two_are_ever_at_stake(outcomes: list[bool | None], turns: list[int]) -> None:
    server = Server(outcomes)
    breaker = LoginBreaker(ManualClock())
    results = await asyncio.gather(*(server.log_in(breaker, n) for n in turns), return_exceptions=True)
    assert server.most <= 2
    assert {type(result) for result in results} <= {type(None), LoginRefused}


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    breaker = LoginBreaker(ManualClock())
    async with breaker.log_in(), breaker.log_in():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), breaker.log_in():
                pytest.fail("a third log-in was let through")
    async with breaker.log_in(), breaker.log_in():
        breaker.accepted()


async def test_a_probe_that_comes_to_nothing_leaves_the_next_one_possible() -> None:
    clock = ManualClock()
    breaker = LoginBreaker(clock)
    for _ in range(2):
        async with breaker.log_in():
            breaker.refused()
    await clock.advance(15 * 60)
    async with breaker.log_in():
        with pytest.raises(LoginRefused):
            await breaker.log_in().__aenter__()
    async with breaker.log_in():
        breaker.accepted()
    async with breaker.log_in(), breaker.log_in():
        pass


async def test_log_ins_whose_requests_take_long_keep_nobody_out() -> None:
    clock = ManualClock()
    breaker = LoginBreaker(clock)
    let_in: list[str] = []

    async def third() -> None:
        async with breaker.log_in():
            let_in.append("third")

    async with breaker.log_in(), breaker.log_in(), asyncio.TaskGroup() as group:
        group.create_task(third())
        await clock.advance(4.9)
        assert let_in == []
        await clock.advance(0.2)
        await asyncio.sleep(0.01)
        assert let_in == ["third"]
