"""Concurrent requests share a token, a refused one is replaced once, and failures lead to pauses."""

import asyncio
import threading

import pytest

from engine.core.secret import Secret
from engine.exchange.errors import ExchangeFailure
from engine.exchange.oauth.errors import AuthorityUnreachable, ClientSecretRefused
from engine.exchange.oauth.msal_client import Token
from engine.exchange.oauth.tokens import BearerTokens
from tests.support.clock import ManualClock

INVALID = {"www-authenticate": 'Bearer realm="", error="invalid_token"'}
HOST = "outlook.office365.com"


class CountedTokens:
    """Gives token1, token2 … or fails, and counts."""

    refusal = ClientSecretRefused

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.failure: ExchangeFailure | None = None
        self.answer = threading.Event()
        self.answer.set()
        self.closed = False

    def token(self, *, other_than_before: bool) -> Token:
        self.asked.append(other_than_before)
        self.answer.wait(5)
        if self.failure is not None:
            raise self.failure
        return Token(Secret(f"token{len(self.asked)}"), 3600)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def source() -> CountedTokens:
    return CountedTokens()


@pytest.fixture
def tokens(source: CountedTokens, clock: ManualClock) -> BearerTokens:
    return BearerTokens(source, "application x", clock)


async def test_fifty_that_come_at_once_share_one_flight(tokens: BearerTokens, source: CountedTokens) -> None:
    source.answer.clear()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(tokens.authorization()) for _ in range(50)]
        await asyncio.sleep(0)  # each has asked by then
        source.answer.set()
    assert {task.result() for task in waiting} == {"Bearer token1"}
    assert source.asked == [False]


async def test_a_token_is_renewed_five_minutes_before_its_end(
    tokens: BearerTokens, source: CountedTokens, clock: ManualClock
) -> None:
    assert await tokens.authorization() == "Bearer token1"
    await clock.advance(54 * 60)
    assert await tokens.authorization() == "Bearer token1"
    await clock.advance(60)
    assert await tokens.authorization() == "Bearer token2"


async def test_an_authority_that_is_down_for_a_moment_costs_nothing(
    tokens: BearerTokens, source: CountedTokens, clock: ManualClock
) -> None:
    await tokens.authorization()
    await clock.advance(56 * 60)
    source.failure = AuthorityUnreachable("down")
    assert await tokens.authorization() == "Bearer token1"
    await clock.advance(4 * 60)
    with pytest.raises(AuthorityUnreachable):
        await tokens.authorization()
    source.failure = None
    await clock.advance(10)
    assert await tokens.authorization() == f"Bearer token{len(source.asked)}"


async def test_a_refused_token_is_dropped_once(tokens: BearerTokens, source: CountedTokens) -> None:
    first = await tokens.authorization()
    assert tokens.refused(first, HOST, INVALID, b"")
    assert tokens.refused(first, HOST, INVALID, b"")
    second = await tokens.authorization()
    assert (second, source.asked) == ("Bearer token2", [False, True])
    assert not tokens.refused(second, HOST, INVALID, b"")
    assert await tokens.authorization() == second


async def test_one_that_was_accepted_in_between_may_be_dropped_again(
    tokens: BearerTokens, source: CountedTokens
) -> None:
    assert tokens.refused(await tokens.authorization(), HOST, INVALID, b"")
    await tokens.authorization()
    tokens.accepted()
    assert tokens.refused(await tokens.authorization(), HOST, INVALID, b"")


async def test_a_401_that_is_not_about_the_token_drops_nothing(tokens: BearerTokens) -> None:
    assert not tokens.refused(await tokens.authorization(), HOST, {"www-authenticate": "Bearer"}, b"")


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (AuthorityUnreachable("down"), 10),
        (AuthorityUnreachable("busy", retry_after=77), 77),
        (ClientSecretRefused("AADSTS7000215"), 15 * 60),
    ],
)
async def test_after_a_failure_the_authority_is_left_alone_for_a_while(
    tokens: BearerTokens, source: CountedTokens, clock: ManualClock, failure: ExchangeFailure, seconds: float
) -> None:
    source.failure = failure
    for _ in range(20):
        with pytest.raises(type(failure), match=failure.detail) as raised:
            await tokens.authorization()
        assert raised.value.retry_after == seconds
    assert len(source.asked) == 1
    await clock.advance(seconds)
    source.failure = None
    assert await tokens.authorization() == "Bearer token2"


async def test_whoever_prints_them_sees_no_token(tokens: BearerTokens) -> None:
    await tokens.authorization()
    assert "token1" not in repr(vars(tokens))


async def test_closing_closes_the_source(tokens: BearerTokens, source: CountedTokens) -> None:
    await tokens.close()
    assert source.closed
