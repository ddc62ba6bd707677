"""With a full, read-only or failing disk, presences go on from memory, and the status shows what is not saved."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import CLEARED, Presence
from engine.simulator.company import Company
from engine.store.database import Database
from engine.store.errors import DiskUnusable, PresencesNotKept
from engine.store.presence import AcknowledgedPresences
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, eventually
from tests.support.service import running_service

pytestmark = pytest.mark.slow

ANNA = "anna.mueller"
NOT_KEPT = "presences-not-kept"
NOBODY = {"pbx.users.exclude.names": ["*"]}
Work = Callable[[sqlite3.Connection], Any]
Refuse = Callable[[sqlite3.Connection, Work], Any]


@contextmanager
def disk(monkeypatch: pytest.MonkeyPatch, refuse: Refuse) -> Iterator[None]:
    """Have `refuse` do the work of all databases in place of them, whenever they are opened."""
    run = Database.run

    async def refusing(database: Database, work: Work, *, durably: bool = False) -> Any:
        return await run(database, lambda connection: refuse(connection, work), durably=durably)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "run", refusing)
        yield


def read_only(connection: sqlite3.Connection, work: Work) -> Any:
    """Have SQLite refuse every change, as on a disk mounted read only."""
    connection.execute("PRAGMA query_only = ON")
    try:
        return work(connection)
    finally:
        connection.execute("PRAGMA query_only = OFF")


def full(connection: sqlite3.Connection, work: Work) -> Any:
    """Have every change refused; what is there can be read all the same."""
    before = connection.total_changes
    result = work(connection)
    if connection.total_changes != before:
        raise DiskUnusable("database or disk is full")
    return result


def shown(company: Company, name: str) -> Presence:
    return company.pbx.calendar_presence(company.world.person(name).guid)


def all_shown(company: Company) -> dict[str, Presence]:
    return {each.guid: company.pbx.calendar_presence(each.guid) for each in company.world.people}


async def test_presences_go_on_from_memory_and_are_written_down_later(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        assert shown(company, ANNA).activity == "busy"
        with disk(monkeypatch, read_only):
            await clock.advance(3 * 3600)
            await served.settled()
            changed = shown(company, ANNA)
            assert changed != Presence("busy", "")
            await eventually(lambda: served.service.current.status().store is not None)
            assert NOT_KEPT in await served.concerns()
            status, problem = await served.ask(
                "PATCH", "/v1/settings", {"changes": {"presence.language": "de"}}, If_Match="*"
            )
            assert (status, problem["type"]) == (507, "disk-unusable")
            assert (await served.get("/v1/status"))["state"] == "running"
        await eventually(lambda: served.service.current.status().store is None)
        assert NOT_KEPT not in await served.concerns()
    written = len(company.pbx.ledger.writes)
    async with running_service(company, clock, tmp_path, None) as served:
        await served.settled()
        assert shown(company, ANNA) == changed
        assert len(company.pbx.ledger.writes) == written


async def test_what_could_not_be_written_down_is_cleared_at_the_end_and_nothing_else(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = {each.guid: company.pbx.calendar_presence(each.guid) for each in company.world.people}
        with disk(monkeypatch, read_only):
            await clock.advance(3600)
            await served.settled()
            after = {guid: company.pbx.calendar_presence(guid) for guid in before}
            lost = {guid for guid in before if before[guid] != after[guid]}
            assert any(after[guid] != CLEARED for guid in lost)
            kept = {guid for guid in before if before[guid] == after[guid] != CLEARED}
            assert kept
            assert served.service.current.engine is not None
            await served.service.current.engine.leave()
    assert {guid for guid in lost if company.pbx.calendar_presence(guid) != CLEARED} == set()
    assert {guid for guid in kept if company.pbx.calendar_presence(guid) != after[guid]} == set()


async def test_a_held_change_that_is_confirmed_with_a_full_disk_clears_nothing_and_does_once_there_is_room(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cleared, and after a restart held again: then presences were written for users who take no part."""
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = all_shown(company)
        await served.change(NOBODY)
        await served.settled()
        with disk(monkeypatch, full):
            status, problem = await served.ask("POST", "/v1/hold/confirm")
            assert (status, problem["type"]) == (507, "disk-unusable")
            await served.settled()
            assert all_shown(company) == before
            assert "clearing-held" in await served.concerns()
            assert (await served.get("/v1/audit"))["entries"][0]["action"] != "confirm_hold"
        status, _ = await served.ask("POST", "/v1/hold/confirm")
        assert status == 200
        await served.settled()
        assert set(all_shown(company).values()) == {CLEARED}


@pytest.mark.parametrize("is_mended", [True, False])
async def test_whoever_was_confirmed_to_be_cleared_is_written_nothing_after_a_restart_although_the_disk_became_full(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_mended: bool
) -> None:
    with ExitStack() as until_mended:
        async with running_service(company, clock, tmp_path, company.settings()) as served:
            await served.settled()
            await served.change(NOBODY | {"pbx.writes_per_second": 1})
            await served.settled()
            status, _ = await served.ask("POST", "/v1/hold/confirm")
            assert status == 200
            until_mended.enter_context(disk(monkeypatch, full))
            await served.settled()
            assert set(all_shown(company).values()) == {CLEARED}
        if is_mended:
            until_mended.close()
        async with running_service(company, clock, tmp_path, None) as served:
            await served.settled()
            assert "clearing-held" not in await served.concerns()
            await clock.advance(3 * 3600)
            await served.settled()
            assert set(all_shown(company).values()) == {CLEARED}


async def test_what_is_held_is_held_over_a_restart_with_a_full_disk(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = all_shown(company)
        await served.change(NOBODY)
        await served.settled()
        numbers = (await served.get("/v1/status"))["held"]
        assert numbers is not None
    with disk(monkeypatch, full):
        async with running_service(company, clock, tmp_path, None) as served:
            await served.settled()
            assert (await served.get("/v1/status"))["held"] == numbers
            assert all_shown(company) == before


async def test_a_state_directory_that_is_removed_is_made_again_with_all_that_is_known(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        remembered = set(await AcknowledgedPresences(served.database).load())
        assert len(remembered) > 20
        shutil.rmtree(tmp_path / "state")
        await clock.advance(3600)
        await served.settled()
        await eventually(lambda: (tmp_path / "state" / "engine.db").exists())
        await eventually(lambda: served.service.current.status().store is None)
        now_shown = all_shown(company)
    database = Database(tmp_path / "state")
    await database.open()
    known = await AcknowledgedPresences(database).load()
    await database.close()
    assert remembered <= known.keys()
    assert {guid: known[guid].acknowledged for guid in known} == {guid: now_shown[guid] for guid in known}


async def test_a_damaged_database_is_put_aside_and_said(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "engine.db").write_bytes(b"this is no database, " * 1000)
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        assert shown(company, ANNA).activity == "busy"
        assert "database-put-aside" in await served.concerns()
        assert (state / "engine.db.damaged").read_bytes().startswith(b"this is no database")
        (state / "engine.db.damaged").unlink()
        await served.change({"presence.language": "de"})
        assert "database-put-aside" not in await served.concerns()


async def test_settings_take_effect_and_are_taken_back_although_the_history_cannot_be_kept(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"presence.language": "de"}, confirm_within=60)
        with disk(monkeypatch, read_only):
            await clock.advance(61)
            await eventually(lambda: served.service.unconfirmed is None)
            assert await served.value("presence.language") == "en"
            assert "versions-not-kept" in await served.concerns()
            served.file.write_text(company.settings().replace("[presence]", '[presence]\nlanguage = "fr"'))
            await served.service.reread()
            assert await served.value("presence.language") == "fr"
        await served.database.reopen()
        await eventually(lambda: served.service.versions[0].action == "edited by hand")
        assert "versions-not-kept" not in await served.concerns()
        [newest, *_] = (await served.get("/v1/settings/history"))["versions"]
        assert (newest["action"], newest["changes"][0]["after"]) == ("edited by hand", "fr")


async def test_a_full_disk_is_named_and_what_was_known_before_stays(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.open()
    presences = AcknowledgedPresences(database)
    await presences.acknowledge("known", Presence("busy", "until 3pm"), None)
    (pages,) = await database.run(lambda connection: connection.execute("PRAGMA page_count").fetchone())
    await database.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(DiskUnusable, match="full"):
        await database.run(lambda each: each.execute("INSERT INTO presence (guid) VALUES (zeroblob(100000))"))
    for number in range(200):
        await presences.acknowledge(f"user {number}", Presence("away", "x" * 200), None)
    assert isinstance(presences.trouble, PresencesNotKept)
    assert set(presences.not_kept()) < {f"user {number}" for number in range(200)}
    assert len(await presences.load()) == 201
    await presences.keep()
    assert str(presences.trouble) == "None"
    assert presences.not_kept() == {}
    await database.close()
    database = Database(tmp_path)
    await database.open()
    assert len(await AcknowledgedPresences(database).load()) == 201
    await database.close()


async def test_what_could_not_be_read_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path)
    await database.open()
    busy = Presence("busy", "")
    await AcknowledgedPresences(database).acknowledge("old", busy, datetime(2026, 3, 2, tzinfo=UTC))

    def broken(*_: object) -> None:
        raise DiskUnusable("disk I/O error")

    presences = AcknowledgedPresences(database)
    with disk(monkeypatch, broken):
        assert await presences.load() == {}
        await presences.acknowledge("new", busy, None)
    await presences.keep()
    assert (await presences.load()).keys() == {"old", "new"}
    await database.close()


@pytest.mark.process
def test_the_exit_status_says_that_another_start_may_help(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f'[engine]\nstate_dir = "{tmp_path / "state"}"\nsocket = "{tmp_path / "engine.sock"}"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    command = f"ulimit -f 0; exec {sys.executable} -m engine.cli.main run --settings {path}"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 74, ended.stderr
    assert "at the moment" in ended.stderr
