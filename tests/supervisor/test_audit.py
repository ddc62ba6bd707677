"""The audit log is on disk before the answer, and rare entries are not displaced by frequent ones."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.api.schema import Actor, AuditEntry
from engine.server.event_log import Events
from engine.server.state import Audit
from engine.simulator.company import Company
from engine.store.audit import KEPT, AuditTrail
from engine.store.database import Database
from engine.store.secret_store import SecretStore, StoredSecretsUnusable
from tests.support.clock import ManualClock
from tests.support.service import running_service

pytestmark = pytest.mark.few

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def on_disk(state: Path) -> list[tuple[str, str]]:
    """Return actions and subjects as another process finds them, were the engine killed at this moment."""
    with sqlite3.connect(state / "engine.db") as connection:
        found = connection.execute("SELECT action, subject FROM audit ORDER BY id").fetchall()
    connection.close()
    return found


@pytest.mark.slow
async def test_every_change_is_on_the_disk_before_its_answer(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: tuple[tuple[str, str, Any, str], ...] = (
        ("PATCH", "/v1/settings", {"changes": {"presence.language": "de"}}, "change_settings"),
        ("PATCH", "/v1/settings", {"changes": {"presence.language": "fr"}, "confirm_within": 60}, "change_settings"),
        ("POST", "/v1/settings/confirm", None, "confirm_settings"),
        ("POST", "/v1/settings/rollback", {}, "roll_back_settings"),
        ("PUT", "/v1/secrets/exchange.client_secret", {"value": "hush"}, "set_secret"),
        ("DELETE", "/v1/secrets/exchange.client_secret", None, "delete_secret"),
        ("POST", "/v1/secrets/rotate-key", None, "rotate_secrets_key"),
        ("POST", "/v1/log/capture", {"on": True}, "log"),
        ("POST", "/v1/resync", {}, "resync"),
        ("POST", "/v1/probes/pbx", {}, "probe"),
        ("POST", "/v1/setup", {}, "begin_setup"),
    )
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        for number, (method, path, body, action) in enumerate(requests, start=1):
            status, answer = await served.ask(method, path, body, If_Match="*")
            assert status < 300, (path, answer)
            found = on_disk(tmp_path / "state")
            assert (len(found), found[-1][0]) == (number, action)


@pytest.mark.slow
async def test_a_secret_is_never_changed_without_a_trace(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces: list[list[tuple[str, str]]] = []

    def refused(self: SecretStore, content: object) -> None:
        traces.append(on_disk(tmp_path / "state"))
        raise StoredSecretsUnusable("no space left on device")

    async with running_service(company, clock, tmp_path, company.settings()) as served:
        monkeypatch.setattr(SecretStore, "store", refused)
        assert (await served.ask("PUT", "/v1/secrets/pbx.password", {"value": "hush"}))[0] == 422
    assert traces == [[("set_secret", "pbx.password")]]
    last = on_disk(tmp_path / "state")[-1]
    assert last == ("set_secret", "pbx.password: failed, nothing was changed (stored-secrets-unusable)")


async def test_a_mistake_while_it_is_kept_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path)
    await database.open()
    try:
        audit = Audit(Events(boot="boot"), AuditTrail(database))
        audit.add(AuditEntry(at=AT, actor=Actor(uid=0, pid=1), action="set_secret", subject="pbx.password"))
        with monkeypatch.context() as patched:
            patched.setattr(AuditTrail, "add", None)
            with pytest.raises(TypeError):
                await audit.save()
        await audit.save(again=True)
        again = Audit(Events(boot="boot"), AuditTrail(database))
        await again.load()
        assert [each.action for each in again.entries()] == ["set_secret"]
    finally:
        await database.close()


async def test_what_is_done_often_does_not_push_out_what_is_rare(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.open()
    try:
        audit = Audit(Events(boot="boot"), AuditTrail(database))
        actor = Actor(uid=0, pid=1)
        audit.add(AuditEntry(at=AT, actor=actor, action="set_secret", subject="pbx.password"))
        for number in range(5 * KEPT):
            audit.add(AuditEntry(at=AT, actor=actor, action="resync", subject=str(number)))
            if number % KEPT == 0:
                await audit.save()
        audit.add(AuditEntry(at=AT, actor=actor, action="change_settings", subject="presence.language"))
        await audit.save()
        again = Audit(Events(boot="boot"), AuditTrail(database))
        await again.load()
        assert again.entries() == audit.entries()
        found = [(each.action, each.subject) for each in audit.entries()]
        often = [("resync", str(number)) for number in range(4 * KEPT, 5 * KEPT)]
        assert found == [("change_settings", "presence.language"), *reversed(often), ("set_secret", "pbx.password")]
    finally:
        await database.close()


async def test_whoever_comes_while_another_entry_is_written_waits_for_its_own(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.open()
    try:
        audit = Audit(Events(boot="boot"), AuditTrail(database))

        async def write(number: int) -> None:
            audit.add(AuditEntry(at=AT, actor=Actor(uid=0, pid=1), action="resync", subject=str(number)))
            await audit.save()
            assert ("resync", str(number)) in on_disk(tmp_path)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(write(number))
    finally:
        await database.close()


async def test_a_durable_change_waits_for_the_disk_and_others_do_not(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await database.open()
    try:
        for durably, level in ((False, 1), (True, 2), (False, 1)):
            (found,) = await database.run(lambda each: each.execute("PRAGMA synchronous").fetchone(), durably=durably)
            assert found == level
    finally:
        await database.close()
