"""Log-ins are recorded over restarts, and in memory while the disk fails; secrets cannot be recovered from them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.logins import rules
from engine.logins.rules import Account, Attempt, LogInOutcome, Paused
from engine.store.database import Database
from engine.store.errors import StoreUnusable
from engine.store.logins import LogInHistory

ACCOUNT = Account("exchange.password", "svc")
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


async def opened(directory: Path) -> tuple[Database, LogInHistory]:
    database = Database(directory)
    await database.open()
    return database, LogInHistory(database)


async def test_what_was_tried_is_known_to_the_next_process(tmp_path: Path) -> None:
    database, history = await opened(tmp_path / "state")
    made = (Attempt("a", NOW, LogInOutcome.REFUSED), Attempt("a", NOW, LogInOutcome.UNDECIDED))
    await history.change(ACCOUNT, lambda _: made)
    fingerprint = await history.fingerprint(ACCOUNT, "s3cret")
    await database.close()
    database, history = await opened(tmp_path / "state")
    assert await history.accounts() == {ACCOUNT: made}
    assert await history.fingerprint(ACCOUNT, "s3cret") == fingerprint
    assert await history.fingerprint(ACCOUNT, "s3cret2") != fingerprint
    assert await history.fingerprint(Account("pbx.password", "svc"), "s3cret") != fingerprint
    await database.close()


async def test_two_stores_have_different_fingerprints_of_one_secret(tmp_path: Path) -> None:
    found = set()
    for name in ("one", "two"):
        database, history = await opened(tmp_path / name)
        found.add(await history.fingerprint(ACCOUNT, "s3cret"))
        await database.close()
    assert len(found) == 2


async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    database, history = await opened(tmp_path / "state")
    for _ in range(2):
        await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW))
    with pytest.raises(Paused):
        await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW + timedelta(minutes=1)))
    assert len((await history.accounts())[ACCOUNT]) == 2
    await database.close()


async def test_a_disk_that_fails_does_not_open_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, history = await opened(tmp_path / "state")
    await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW))

    async def full(work: object) -> None:
        raise StoreUnusable("disk full")

    monkeypatch.setattr(database, "run", full)
    await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW))
    with pytest.raises(Paused):
        await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW))
    monkeypatch.undo()
    with pytest.raises(Paused):
        await history.change(ACCOUNT, lambda tried: rules.begun(tried, "a", NOW))
    await history.change(ACCOUNT, lambda tried: tried)
    await database.close()
    database, history = await opened(tmp_path / "state")
    assert len((await history.accounts())[ACCOUNT]) == 2, "what could not be written before is made up for"
    await database.close()
