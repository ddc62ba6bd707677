"""Presences are stored alike by an engine that works alone and by one that shares its users with others."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.core.claims import UNLIMITED, LeaseEnded
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.store.errors import DatabaseAway, DatabaseSlow
from engine.store.postgres import database as of_database
from engine.store.postgres import presences as of_presences
from engine.store.postgres.presences import SharedPresences
from engine.store.presence import PresenceRecord, PresenceStore, PresenceTarget
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage, Storage

HERE = PresenceTarget("master host", "calendar:")
THERE = PresenceTarget("master host", "meetings:")
BUSY = Presence("busy", 'Fête "à" l\'été \N{FACE WITH TEARS OF JOY} \\ %s')
AWAY = Presence("away", "")
THREE = datetime(2026, 3, 2, 15, 0, 0, 123456, tzinfo=UTC)


async def begun(storage: Storage, target: PresenceTarget = HERE) -> PresenceStore:
    presences = storage.presences()
    await presences.set_target(target)
    return presences


async def shared(storage: PostgresStorage, target: PresenceTarget = HERE) -> SharedPresences:
    presences = storage.presences()
    await presences.set_target(target)
    return presences


@contextmanager
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who waits for others in the database gives up sooner than usual."""
    with monkeypatch.context() as hasty:
        hasty.setattr(of_database, "LOCK_WITHIN", 0.02)
        yield


@contextmanager
def without_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every transaction ends with its connection before it has begun."""
    with monkeypatch.context() as away:
        away.setattr(of_database, "_begin", lambda long_running: "SELECT pg_terminate_backend(pg_backend_pid())")
        yield


def saves(presences: SharedPresences) -> bool:
    return presences.trouble is None


async def test_what_was_stored_is_known_after_a_restart(storage: Storage) -> None:
    presences, claim = await begun(storage), storage.claim
    await presences.intend("a1", AWAY, None, claim)
    await presences.acknowledge("a1", BUSY, THREE.astimezone(timezone(timedelta(hours=5))), claim)
    await presences.acknowledge("b2", CLEARED, None, claim)
    await presences.acknowledge("c3", AWAY, None, claim)
    await presences.intend("c3", BUSY, THREE, claim)
    await presences.intend("d4", BUSY, THREE, claim)
    await presences.acknowledge("e5", AWAY, THREE, claim)
    await presences.intend("e5", BUSY, THREE, claim)
    await presences.withdraw("e5", claim)
    await presences.withdraw("nobody", claim)
    await presences.acknowledge("f6", AWAY, None, claim)
    await presences.forget("f6", claim)
    await storage.restart()
    known = await (await begun(storage)).load()
    assert known == {
        "a1": PresenceRecord(BUSY, THREE),
        "b2": PresenceRecord(CLEARED),
        "c3": PresenceRecord(AWAY, None, BUSY, THREE),
        "d4": PresenceRecord(None, None, BUSY, THREE),
        "e5": PresenceRecord(AWAY, THREE),
    }
    assert {guid for guid, each in known.items() if each.in_doubt} == {"c3", "d4"}


async def test_another_target_doubts_everything_and_knows_what_is_left(storage: Storage) -> None:
    presences, claim = await begun(storage), storage.claim
    await presences.acknowledge("a1", BUSY, THREE, claim)
    await presences.acknowledge("a2", CLEARED, None, claim)
    await presences.intend("a3", BUSY, THREE, claim)
    await presences.acknowledge("a4", Presence("", "only a note"), None, claim)
    await presences.set_target(HERE)
    assert await presences.stale_contacts() == {}
    assert (await presences.load())["a1"] == PresenceRecord(BUSY, THREE)

    await presences.set_target(THERE)
    assert await presences.load() == {
        "a1": PresenceRecord(expires=THREE),
        "a2": PresenceRecord(),
        "a3": PresenceRecord(intended_expires=THREE),
        "a4": PresenceRecord(),
    }
    assert await presences.stale_contacts() == dict.fromkeys(("a1", "a3", "a4"), ("calendar:",))
    await presences.forget("a4", claim)
    await presences.acknowledge("a1", BUSY, THREE, claim)
    await presences.acknowledge("a2", AWAY, None, claim)
    await presences.mark_cleaned("a3", claim)
    await presences.forget("a3", claim)
    await presences.set_target(PresenceTarget("master host", "third:"))
    assert await presences.stale_contacts() == {"a1": ("calendar:", "meetings:"), "a2": ("meetings:",)}
    await presences.set_target(HERE)
    assert await presences.stale_contacts() == {"a1": ("meetings:", "third:"), "a2": ("meetings:", "third:")}
    await presences.mark_cleaned("a1", claim)
    await presences.set_target(PresenceTarget("another host", "calendar:"))
    assert await presences.stale_contacts() == {}
    assert all(each.in_doubt for each in (await presences.load()).values())


async def test_which_removals_were_let_through_is_remembered(storage: Storage) -> None:
    presences, claim = await begun(storage), storage.claim
    meant = presences.meant
    assert await meant.settings() is None
    for guid in ("a1", "a2", "a3"):
        await presences.acknowledge(guid, BUSY, THREE, claim)
    settings = PresenceSettings(language="de")
    await meant.note(PresenceSettings(), {"a1", "a2"})
    await meant.note(settings, {"a2", "a3"})
    await presences.forget("a3", claim)
    await storage.restart()
    meant = storage.presences().meant
    assert await meant.settings() == settings
    assert await meant.let_go() == {"a2"}
    await meant.note(settings, set())
    assert await meant.let_go() == frozenset()


async def test_nothing_is_written_under_a_former_token(cluster_database: PostgresDatabase) -> None:
    former, owner = PostgresStorage(cluster_database), PostgresStorage(cluster_database, "b")
    before, now = await shared(former), await shared(owner)
    await now.acknowledge("a1", BUSY, THREE, owner.claim)
    known = await now.load()
    refused: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: before.intend("a1", AWAY, None, former.claim),
        lambda: before.acknowledge("a1", AWAY, None, former.claim),
        lambda: before.acknowledge("new", AWAY, None, former.claim),
        lambda: before.withdraw("a1", former.claim),
        lambda: before.forget("a1", former.claim),
        lambda: before.mark_cleaned("a1", former.claim),
        lambda: before.intend("a1", AWAY, None, UNLIMITED),
        lambda: former.presences().intend("a1", AWAY, None, owner.claim),  # before it has a target
    )
    for write in refused:
        with pytest.raises(LeaseEnded):
            await write()
    with pytest.raises(LeaseEnded):
        await before.load_shard(former.claim)
    await before.meant.note(PresenceSettings(), {"a1"})
    assert await now.meant.let_go() == frozenset()
    assert await now.load() == known

    # The same engine takes it once more: its own earlier claim is over as well.
    earlier = owner.claim
    owner.take()
    with pytest.raises(LeaseEnded):
        await now.withdraw("a1", earlier)
    await former.close()
    await owner.close()


async def test_a_shard_is_loaded_by_its_owner_and_a_suspect_user_is_asked(cluster_database: PostgresDatabase) -> None:
    storage = PostgresStorage(cluster_database)
    presences = await shared(storage)
    await presences.acknowledge("a1", BUSY, THREE, storage.claim)
    await presences.acknowledge("a2", BUSY, THREE, storage.claim)
    await presences.suspect("a1")
    storage.take()
    found = await presences.load_shard(storage.claim)
    assert found == {"a1": PresenceRecord(BUSY, THREE, suspect=True), "a2": PresenceRecord(BUSY, THREE)}
    assert [guid for guid, each in found.items() if each.in_doubt] == ["a1"]
    await presences.acknowledge("a1", BUSY, THREE, storage.claim)
    assert not (await presences.load())["a1"].in_doubt
    await storage.close()


async def test_who_still_writes_to_another_contact_is_refused(cluster_database: PostgresDatabase) -> None:
    storage = PostgresStorage(cluster_database)
    behind, ahead = await shared(storage), await shared(storage)
    await behind.intend("a1", BUSY, THREE, storage.claim)
    await ahead.set_target(THERE)
    with pytest.raises(LeaseEnded):
        await behind.acknowledge("a1", BUSY, THREE, storage.claim)
    with pytest.raises(LeaseEnded):
        await behind.intend("a2", BUSY, THREE, storage.claim)
    assert await ahead.load() == {"a1": PresenceRecord(intended_expires=THREE)}
    assert await ahead.stale_contacts() == {"a1": ("calendar:",)}
    await storage.close()


async def test_whoever_takes_a_shard_or_sets_a_target_waits_for_a_write_under_way(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    presences = await shared(storage)
    with cluster_database.connection() as taker, without_waiting(monkeypatch):
        for under_way in ("SELECT FROM cluster FOR UPDATE", "UPDATE shard SET token = token + 1"):
            with taker.transaction():
                taker.execute(under_way)
                with pytest.raises(DatabaseSlow, match="lock timeout"):
                    await presences.intend("a1", BUSY, THREE, storage.claim)
    with pytest.raises(LeaseEnded):
        await presences.intend("a1", BUSY, THREE, storage.claim)
    assert await presences.load() == {}
    await storage.close()


async def test_without_the_database_nothing_is_intended_and_nothing_lost(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    presences = await shared(storage)
    for guid in ("a1", "a2", "a3"):
        await presences.intend(guid, BUSY, THREE, storage.claim)
    with without_database(monkeypatch):
        await presences.acknowledge("a1", BUSY, THREE, storage.claim)
        await presences.withdraw("a2", storage.claim)
        await presences.acknowledge("a3", BUSY, THREE, storage.claim)
        with pytest.raises(DatabaseAway):
            await presences.intend("a1", AWAY, None, storage.claim)
        with pytest.raises(DatabaseAway):
            await presences.intend("a4", AWAY, None, storage.claim)
        await presences.keep()
        assert isinstance(presences.trouble, DatabaseAway)
        assert presences.not_kept() == {}
        assert (await presences.load(), await presences.stale_contacts()) == ({}, {})
        assert (await presences.meant.settings(), await presences.meant.let_go()) == (None, frozenset())
    # What comes first about a user saves what was not saved before.
    await presences.intend("a1", AWAY, None, storage.claim)
    assert (await presences.load())["a1"] == PresenceRecord(BUSY, THREE, AWAY)
    assert not saves(presences)
    await presences.keep()
    assert saves(presences)
    assert await presences.load() == {
        "a1": PresenceRecord(BUSY, THREE, AWAY),
        "a2": PresenceRecord(),
        "a3": PresenceRecord(BUSY, THREE),
    }
    await storage.close()


async def test_an_engine_that_starts_without_the_database_writes_once_it_is_there(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    presences = storage.presences()
    with without_database(monkeypatch):
        await presences.set_target(HERE)
        await presences.keep()
        with pytest.raises(DatabaseAway):
            await presences.intend("a1", BUSY, THREE, storage.claim)
    assert not saves(presences)
    with pytest.raises(LeaseEnded, match="not been reached"):
        await presences.intend("a1", BUSY, THREE, storage.claim)
    await presences.keep()
    assert saves(presences)
    await presences.intend("a1", BUSY, THREE, storage.claim)
    await storage.close()


async def test_what_could_not_be_saved_is_dropped_when_the_user_has_another_owner(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    presences = await shared(storage)
    await presences.intend("a1", BUSY, THREE, storage.claim)
    await presences.intend("a2", BUSY, THREE, storage.claim)
    with without_database(monkeypatch):
        await presences.acknowledge("a1", BUSY, THREE, storage.claim)
        await presences.acknowledge("a2", BUSY, THREE, storage.claim)
    owner = PostgresStorage(cluster_database, "b")
    await (await shared(owner)).acknowledge("a1", AWAY, None, owner.claim)
    await presences.keep()
    assert saves(presences)
    assert (await presences.load())["a1"] == PresenceRecord(AWAY)
    assert (await presences.load())["a2"].in_doubt
    # Back again under another claim: the answer to what was sent under the former one says nothing any more.
    storage.take()
    await presences.intend("a1", BUSY, THREE, storage.claim)
    with without_database(monkeypatch):
        await presences.acknowledge("a1", BUSY, THREE, storage.claim)
    storage.take()
    await presences.intend("a1", CLEARED, None, storage.claim)
    assert (await presences.load())["a1"] == PresenceRecord(AWAY, None, CLEARED)
    await storage.close()
    await owner.close()


async def test_what_any_engine_has_stored_since_can_be_asked_for_and_everything_in_parts(
    cluster_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PostgresStorage(cluster_database)
    presences, claim = await shared(storage), storage.claim
    await presences.acknowledge("a1", BUSY, THREE, claim)
    begun, nothing = await presences.stored_since(None)
    assert nothing == {}
    with cluster_database.connection() as connection:
        connection.execute("UPDATE presence SET at = clock() - interval '1 hour'")
    await presences.intend("b2", AWAY, None, claim)
    other = {"b2": PresenceRecord(intended=AWAY)}
    later, changed = await presences.stored_since(begun)
    assert changed == other
    with cluster_database.connection() as connection:  # the clock of the database is set back
        connection.execute("UPDATE presence SET at = at - interval '1 day'")
        before = "AS $$ SELECT clock_timestamp() - interval '1 day' $$"
        connection.execute(f"CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE {before}")
    now, changed = await presences.stored_since(later)
    assert now < later
    assert changed == other
    monkeypatch.setattr(of_presences, "AT_A_TIME", 1)
    everything = {"a1": PresenceRecord(BUSY, THREE), **other}
    assert await presences.stored_after("") == {"a1": everything["a1"]}
    assert await presences.stored_after("a1") == other
    assert await presences.stored_after("b2") == {}
    await storage.close()
