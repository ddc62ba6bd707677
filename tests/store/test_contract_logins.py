"""Log-ins and what is known of tenants are kept alike for an engine that works alone and for several.

Several together try a secret no more often than one, and one after the other.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from engine.logins import rules
from engine.logins.breaker import LogIns
from engine.logins.rules import Account, Attempt, Attempts, LogInOutcome, Paused
from engine.store.postgres import database as of_database
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage, Storage

ACCOUNT = Account("exchange.password", 'DOMAIN\\svc "é"')
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def begun(at: datetime = NOW) -> Callable[[Attempts], Attempts]:
    return lambda tried: rules.begun(tried, "a", at)


async def test_what_was_tried_is_known_to_the_next_process(storage: Storage) -> None:
    history = storage.log_ins()
    made = (Attempt("a", NOW, LogInOutcome.REFUSED), Attempt("a", NOW, LogInOutcome.UNDECIDED))
    assert await history.change(ACCOUNT, lambda _: made) == made
    assert await history.change(Account("pbx.password", "svc"), lambda tried: tried) == ()
    fingerprint = await history.fingerprint(ACCOUNT, "s3cret")
    await storage.restart()
    history = storage.log_ins()
    assert await history.accounts() == {ACCOUNT: made}
    with pytest.raises(Paused):
        await history.begin(ACCOUNT, begun())
    assert await history.accounts() == {ACCOUNT: made}
    assert await history.fingerprint(ACCOUNT, "s3cret") == fingerprint
    assert await history.fingerprint(Account("pbx.password", "svc"), "s3cret") != fingerprint


async def test_facts_about_tenants_are_kept_as_texts(storage: Storage) -> None:
    tenants = storage.tenants()
    await tenants.keep(("tenant", "application"), "{}")
    await tenants.keep(("tenant", "application"), '{"é": 1}')
    await tenants.keep(("tenant", "another"), "{")
    await storage.restart()
    tenants = storage.tenants()
    assert sorted(await tenants.all()) == [("tenant", "another", "{"), ("tenant", "application", '{"é": 1}')]
    await tenants.forget_others(("tenant", "application"))
    assert await tenants.all() == [("tenant", "application", '{"é": 1}')]


async def test_one_engine_at_a_time_tries_what_is_not_proved(cluster_database: PostgresDatabase) -> None:
    a, b = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    here, there = LogIns(a.clock, a.log_ins()), LogIns(b.clock, b.log_ins())
    async with here.breaker(ACCOUNT, lambda: "wrong").log_in() as log_in:
        await log_in.sending()
        with pytest.raises(Paused, match="another engine is trying it") as paused:
            async with there.breaker(ACCOUNT, lambda: "wrong").log_in() as other:
                await other.sending()
        assert timedelta(seconds=50) < paused.value.until - b.clock.now() <= timedelta(seconds=60)
        await log_in.refused()
    async with there.breaker(ACCOUNT, lambda: "wrong").log_in() as other:
        await other.sending()
        await other.refused()
    for log_ins in (here, there):
        with pytest.raises(Paused, match="2 refused"):
            async with log_ins.breaker(ACCOUNT, lambda: "wrong").log_in():
                pass
    await a.close()
    await b.close()


async def test_a_log_in_of_an_engine_that_was_killed_blocks_the_others_for_a_minute(
    cluster_database: PostgresDatabase,
) -> None:
    a, b = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    await a.log_ins().begin(ACCOUNT, begun())
    with pytest.raises(Paused):
        await b.log_ins().begin(ACCOUNT, begun())
    with cluster_database.connection() as administrator:
        administrator.execute(
            "CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
            " AS $$ SELECT clock_timestamp() + interval '61 s' $$"
        )
    attempts = await b.log_ins().begin(ACCOUNT, begun())
    assert [each.outcome for each in attempts] == [LogInOutcome.BEGUN, LogInOutcome.BEGUN]
    with pytest.raises(Paused, match="2 without an answer"):
        await b.log_ins().begin(ACCOUNT, begun())
    await a.close()
    await b.close()


async def test_a_clock_of_the_database_that_was_set_back_blocks_nobody_for_longer(
    cluster_database: PostgresDatabase,
) -> None:
    killed, other = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    await killed.log_ins().begin(ACCOUNT, begun())
    with cluster_database.connection() as connection:
        connection.execute("UPDATE log_in SET until = until + interval '1 day'")
    history = other.log_ins()
    for seconds in (0, 30):
        await other.clock.advance(seconds)
        with pytest.raises(Paused) as paused:
            await history.begin(ACCOUNT, begun())
        assert paused.value.until - other.clock.now() == timedelta(seconds=60 - seconds)
    await other.clock.advance(30)
    await history.begin(ACCOUNT, begun())
    await killed.close()
    await other.close()


async def test_without_the_database_nothing_is_tried_and_what_became_of_it_is_noted_later(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    history = storage.log_ins()
    [attempt] = await history.begin(ACCOUNT, begun())
    with monkeypatch.context() as away:
        away.setattr(of_database, "_begin", lambda long_running: "SELECT pg_terminate_backend(pg_backend_pid())")
        refused = await history.change(ACCOUNT, lambda tried: rules.settled(tried, attempt, LogInOutcome.REFUSED))
        assert await history.accounts() == {ACCOUNT: refused}
        with pytest.raises(Paused, match="shared database"):
            await history.begin(ACCOUNT, begun())
        with pytest.raises(Paused, match="shared database"):
            await history.fingerprint(ACCOUNT, "s3cret")
    assert [each.outcome for each in (await storage.log_ins().accounts())[ACCOUNT]] == [LogInOutcome.BEGUN]
    await history.change(ACCOUNT, lambda tried: tried)
    assert await storage.log_ins().accounts() == {ACCOUNT: refused}
    other = PostgresStorage(cluster_database, "b")
    await other.log_ins().begin(ACCOUNT, begun())  # the turn of the first has ended with its log-in
    await other.close()
    await storage.close()
