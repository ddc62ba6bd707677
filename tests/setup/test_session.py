"""A set-up that is continued at two engines loses nothing: who comes second is told, and sees what the first did."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.setup.people import Person
from engine.setup.session import SetupSession, new_person
from engine.store.postgres.setup_state import SharedSetup
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.setup_state import SetupContinuedElsewhere
from tests.support.clock import ManualClock
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def anna() -> Person:
    return new_person(1000, 4711, "anna", "", NOW)


async def test_who_comes_second_sees_what_the_first_did(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    storage = PostgresStorage(cluster_database)
    secrets = SecretSources(
        {}, None, SecretStore(tmp_path, None), lambda: NOW, settings_file=tmp_path / "settings.toml"
    )

    async def session(node: str) -> SetupSession:
        service = cast("Any", SimpleNamespace(text="", settings=None))
        setup = SharedSetup(storage.database, node)
        made = SetupSession(service, secrets, setup, tmp_path, None, ManualClock(NOW))
        await made.load()
        return made

    here = await session("a")
    await here.begin("all", anna())
    there = await session("b")
    await there.answer(anna(), {"pbx.host": "pbx.example"}, {}, {}, None)
    with pytest.raises(SetupContinuedElsewhere, match="at b"):
        await here.answer(anna(), {"pbx.host": "other.example"}, {}, {}, None)
    assert here.values["pbx.host"] == "pbx.example"
    await here.answer(anna(), {"pbx.host": "other.example"}, {}, {}, None)
    await there.load()
    assert there.saved == here.saved
    await there.take_over(anna())
    with pytest.raises(SetupContinuedElsewhere):
        await here.end()
    assert here.saved == there.saved
    await here.end()
    with pytest.raises(SetupContinuedElsewhere):
        await there.take_over(anna())
    assert there.saved is None
    await storage.close()
