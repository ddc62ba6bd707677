"""A state directory that others can write is not opened, and settings that others can write get no secret."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.settings.model import ExchangeSettings, ExchangeType
from engine.store.database import Database
from engine.store.errors import StateDirectoryExposed
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.secrets import Secrets, SecretsFileExposed, SettingsDirectoryExposed
from tests.store.test_secret_store import NOW

EXCHANGE = ExchangeSettings(type=ExchangeType.ON_PREMISES)


def opened(path: Path) -> None:
    async def open_and_close() -> None:
        database = Database(path)
        try:
            await database.open()
        finally:
            await database.close()

    asyncio.run(open_and_close())


def secrets_for_exchange(given: SecretSources) -> Secrets:
    return asyncio.run(given.secrets(EXCHANGE))


def elsewhere(path: Path) -> Path:
    """Return a directory beside that one, which a link can lead to."""
    other = path.parent / "elsewhere"
    other.mkdir(mode=0o777)
    other.chmod(0o777)
    return other


def link(path: Path) -> None:
    path.rmdir()
    path.symlink_to(elsewhere(path))


EXPOSED: dict[str, Callable[[Path], object]] = {
    "by group": lambda path: path.chmod(0o770),
    "by all": lambda path: path.chmod(0o707),
    "only writable": lambda path: path.chmod(0o702),
    "sticky": lambda path: path.chmod(0o1777),
    "parent": lambda path: path.parent.chmod(0o777),
    "link to another": link,
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "parent" / "state"
    path.mkdir(mode=0o700, parents=True)
    return path


@pytest.mark.parametrize("how", EXPOSED)
def test_an_exposed_state_directory_is_refused_before_anything_is_opened(state: Path, how: str) -> None:
    EXPOSED[how](state)
    with pytest.raises(StateDirectoryExposed) as refusal:
        opened(state)
    assert refusal.value.detail.startswith("/")
    assert list(state.iterdir()) == []


def test_that_of_another_account_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(StateDirectoryExposed, match="runs as user 4711"):
        opened(state)
    assert list(state.iterdir()) == []


def test_one_that_is_not_there_is_not_made_where_others_can_exchange_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StateDirectoryExposed):
        opened(tmp_path / "new" / "state")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o666, 0o622])
def test_a_database_that_others_can_write_is_refused(state: Path, mode: int) -> None:
    (state / "engine.db").touch()
    (state / "engine.db").chmod(mode)
    with pytest.raises(StateDirectoryExposed, match=r"engine\.db"):
        opened(state)
    assert (state / "engine.db").read_bytes() == b""


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_one_that_others_may_only_look_at_is_opened(state: Path, mode: int) -> None:
    state.chmod(mode)
    link_to_it = state.parent / "link"
    link_to_it.symlink_to("state")
    state.parent.chmod(0o1777)
    for path in (state, link_to_it):
        opened(path)
    assert (state / "engine.db").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "etc" / "calendar-engine.toml"
    file.parent.mkdir(mode=0o755)
    file.touch(0o640)
    return file


def sources(settings: Path, state: Path, secrets: Path | None = None) -> SecretSources:
    given = {"CALENDAR_ENGINE_EXCHANGE_PASSWORD": "a", "CALENDAR_ENGINE_PBX_PASSWORD": "b"}
    secret_store = SecretStore(state, None)
    return SecretSources({} if secrets else given, secrets, secret_store, lambda: NOW, settings_file=settings)


@pytest.mark.parametrize("what", ["directory", "parent", "file"])
def test_no_secret_is_used_by_settings_that_others_can_write(settings: Path, state: Path, what: str) -> None:
    assert secrets_for_exchange(sources(settings, state)).pbx_password.reveal() == "b"
    settings.parent.chmod(0o775)  # a directory that administrators share
    assert secrets_for_exchange(sources(settings, state)).pbx_password.reveal() == "b"
    {"directory": settings.parent, "parent": settings.parent.parent, "file": settings}[what].chmod(0o777)
    with pytest.raises(SettingsDirectoryExposed, match="0777"):
        secrets_for_exchange(sources(settings, state))


def test_a_secrets_file_in_a_directory_of_others_is_refused(settings: Path, state: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "open" / "secrets.toml"
    secrets.parent.mkdir(mode=0o777)
    secrets.touch(0o600)
    secrets.write_text("[exchange]\npassword = 'a'\n[pbx]\npassword = 'b'\n")
    given = sources(settings, state, secrets)
    secrets.parent.chmod(0o777)
    with pytest.raises(SecretsFileExposed, match="0777"):
        secrets_for_exchange(given)
    secrets.parent.chmod(0o755)
    assert secrets_for_exchange(given).exchange_password.reveal() == "a"
