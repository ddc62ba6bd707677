"""The circuit breaker records the outcome of a log-in whose task is cancelled, as far as it is known."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.logins.breaker import LogIn, LogIns
from engine.logins.rules import Account, LogInOutcome
from engine.store.database import Database
from engine.store.logins import LogInHistory
from tests.support.clock import ManualClock
from tests.support.eventually import patience

ACCOUNT = Account("pbx.password", "calendar at pbx")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path)
    await database.open()
    yield database
    await database.close()


async def proved(log_in: LogIn) -> None:
    await log_in.sending()
    await log_in.proved()


async def refused(log_in: LogIn) -> None:
    await log_in.sending()
    await log_in.refused()


async def undecided(log_in: LogIn) -> None:
    await log_in.sending()
    await log_in.undecided("503")


async def not_sent(log_in: LogIn) -> None:
    await log_in.sending()
    await log_in.not_sent()


async def cancelled_at_write(database: Database, number: int, report: Callable[[LogIn], Awaitable[None]]) -> LogIns:
    """Cancel a log-in while its write of this `number` waits for the disk; return the breakers afterwards."""
    history = LogInHistory(database)
    log_ins = LogIns(ManualClock(), history)
    waiting, disk = asyncio.Event(), threading.Event()
    writes = 0
    blocker: asyncio.Task[bool] | None = None
    change = history.change

    async def changed(*given: object) -> object:
        nonlocal writes, blocker
        if writes == number:
            blocker = asyncio.get_running_loop().create_task(database.run(lambda _: disk.wait()))
            await asyncio.sleep(0)  # the disk is busy before this write asks for it
            waiting.set()
        writes += 1
        return await change(*given)  # type: ignore[arg-type]

    async def log_in() -> None:
        async with log_ins.breaker(ACCOUNT, lambda: "secret").log_in() as each:
            history.change = changed  # type: ignore[method-assign, assignment]
            await report(each)

    task = asyncio.get_running_loop().create_task(log_in())
    await waiting.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    disk.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert blocker is not None
    await blocker
    return log_ins


@pytest.mark.parametrize(
    ("report", "refusals", "unproved"), [(proved, 0, 0), (refused, 1, 0), (undecided, 0, 1), (not_sent, 0, 0)]
)
async def test_an_outcome_that_is_known_is_stored_although_the_task_is_cancelled(
    database: Database, report: Callable[[LogIn], Awaitable[None]], refusals: int, unproved: int
) -> None:
    await cancelled_at_write(database, 1, report)
    kept = (await LogInHistory(database).accounts()).get(ACCOUNT, ())
    outcomes = [each.outcome for each in kept]
    assert LogInOutcome.BEGUN not in outcomes
    assert outcomes.count(LogInOutcome.REFUSED) == refusals
    assert outcomes.count(LogInOutcome.UNDECIDED) == unproved


async def test_what_is_cancelled_before_the_secret_is_sent_was_no_log_in(database: Database) -> None:
    await cancelled_at_write(database, 0, proved)
    assert await LogInHistory(database).accounts() == {}


async def test_a_secret_proved_by_a_task_that_is_cancelled_then_is_trusted(database: Database) -> None:
    log_ins = await cancelled_at_write(database, 1, proved)
    async with patience(), log_ins.breaker(ACCOUNT, lambda: "secret").log_in() as log_in:
        assert log_in.trusted
