"""The stores that SQLite and PostgreSQL both have to be."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # with the client of PostgreSQL
    from tests.support.postgres import PostgresDatabase
    from tests.support.storage import Storage


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.process)])
def stored_in(request: pytest.FixtureRequest) -> "PostgresDatabase | None":
    """The database of an engine that shares it, None for one that works alone."""
    return request.getfixturevalue("cluster_database") if request.param == "postgres" else None


@pytest.fixture
async def storage(stored_in: "PostgresDatabase | None", tmp_path: Path) -> "AsyncIterator[Storage]":
    """What an engine stores: alone, and with others."""
    from tests.support.storage import PostgresStorage, SqliteStorage

    made: Storage
    if stored_in is None:
        made = SqliteStorage(tmp_path / "state")
        await made.restart()
    else:
        made = PostgresStorage(stored_in)
    yield made
    await made.close()
