"""A wrong client secret is tried twice, whatever is restarted, and however many share one state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.core.secret import Secret
from engine.exchange.errors import ExchangeFailure
from engine.exchange.oauth.errors import ClientSecretRefused
from engine.exchange.oauth.msal_client import Registration
from engine.exchange.oauth.tokens import BearerTokens
from engine.logins.breaker import LogIns
from engine.simulator.entra import TENANT, EntraSimulator
from engine.simulator.faults import Cut, Reply
from engine.store.database import Database
from engine.store.logins import LogInHistory
from tests.exchange.oauth.conftest import BY_SECRET, CLIENT, SECRET, MakeApplication
from tests.support.clock import ManualClock

pytestmark = pytest.mark.slow

WRONG = Secret(SECRET + "x")


@asynccontextmanager
async def started(
    make_application: MakeApplication, clock: ManualClock, state: Path, proof: Secret
) -> AsyncIterator[BearerTokens]:
    """What an engine has that was started just now, on the state of those before it."""
    database = Database(state)
    await database.open()
    registration = Registration(authority="", tenant_id=TENANT, client_id=CLIENT, proof=proof)
    breaker = LogIns(clock, LogInHistory(database)).breaker(registration.account, registration.identity)
    tokens = BearerTokens(make_application(proof), "application x", clock, breaker)
    try:
        yield tokens
    finally:
        await tokens.close()
        await database.close()


async def outcome(tokens: BearerTokens) -> ExchangeFailure | None:
    try:
        await tokens.authorization()
    except ExchangeFailure as failure:
        return failure
    return None


async def test_eight_restarts_try_a_wrong_secret_twice(
    entra: EntraSimulator, make_application: MakeApplication, tmp_path: Path
) -> None:
    clock = ManualClock()
    for _ in range(8):
        async with started(make_application, clock, tmp_path, WRONG) as tokens:
            found = await asyncio.gather(*(outcome(tokens) for _ in range(8)))
            assert {type(each) for each in found} == {ClientSecretRefused}
        await clock.advance(60)
    assert entra.ledger.operations["token"] == 2
    async with started(make_application, clock, tmp_path, WRONG) as tokens:
        refused = await outcome(tokens)
        assert refused is not None
        assert "paused until" in refused.detail
        assert refused.retry_after is not None
    async with started(make_application, clock, tmp_path, BY_SECRET) as tokens:
        assert await outcome(tokens) is None, "another secret is tried at once"


async def test_whatever_hides_a_refusal_restarts_try_a_wrong_secret_twice(
    entra: EntraSimulator, make_application: MakeApplication, tmp_path: Path
) -> None:
    hiding: tuple[Cut | Reply, ...] = (Cut(), Reply(503), Reply(200, b"<html>"))
    for number, hidden in enumerate(hiding):
        clock, before = ManualClock(), entra.ledger.operations["token"]
        fault = entra.faults.add(hidden, operation="token")
        for _ in range(4):
            async with started(make_application, clock, tmp_path / str(number), WRONG) as tokens:
                assert await outcome(tokens) is not None
            await clock.advance(60)
        entra.faults.clear(fault)
        assert entra.ledger.operations["token"] - before <= 2, hidden


async def test_probes_beside_each_other_and_beside_the_engine_count_together(
    entra: EntraSimulator, make_application: MakeApplication, tmp_path: Path
) -> None:
    clock, database = ManualClock(), Database(tmp_path)
    await database.open()
    try:
        log_ins = LogIns(clock, LogInHistory(database))
        registration = Registration(authority="", tenant_id=TENANT, client_id=CLIENT, proof=WRONG)

        async def probe() -> None:
            breaker = log_ins.breaker(registration.account, registration.identity)
            tokens = BearerTokens(make_application(WRONG), "application x", clock, breaker)
            assert type(await outcome(tokens)) is ClientSecretRefused
            await tokens.close()

        await asyncio.gather(*(probe() for _ in range(8)))
        assert entra.ledger.operations["token"] == 2
    finally:
        await database.close()
