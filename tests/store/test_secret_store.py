"""Stored secrets are encrypted, bound to their key, and never overwritten with another key."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from engine.core.secret import Secret
from engine.store.errors import StateDirectoryExposed
from engine.store.secret_store import (
    CREDENTIAL,
    SecretsKeyUnusable,
    SecretsKeyWrong,
    SecretStore,
    StoredSecret,
    StoredSecretsDamaged,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAME = "pbx.password"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


def store(secret_store: SecretStore, value: str) -> None:
    secret_store.store({NAME: StoredSecret(Secret(value), NOW)})


def value(secret_store: SecretStore) -> str:
    return secret_store.load()[NAME].value.reveal()


def content(state: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in state.iterdir()}


def test_nothing_is_stored_at_first_and_no_key_is_made(state: Path) -> None:
    assert SecretStore(state, None).load() == {}
    assert content(state) == {}


def test_a_secret_comes_back_and_is_not_readable_on_disk(state: Path) -> None:
    store(SecretStore(state, None), "correct horse battery")
    assert value(SecretStore(state, None)) == "correct horse battery"
    assert SecretStore(state, None).load()[NAME].since == NOW
    assert not [name for name, data in content(state).items() if b"horse" in data or NAME.encode() in data]
    assert {stat.S_IMODE(each.stat().st_mode) for each in state.iterdir()} == {0o600}


def test_another_key_takes_the_place_of_the_old_one(state: Path) -> None:
    secret_store = SecretStore(state, None)
    store(secret_store, "secret")
    before = content(state)
    secret_store.rotate_key()
    assert value(secret_store) == "secret"
    after = content(state)
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    assert before["secrets.key"].strip() not in after["secrets.key"]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_change_of_the_key_may_be_interrupted_at_every_step(
    state: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(SecretStore(state, None), "secret")
    replace, calls = Path.replace, 0

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SecretStore(state, None).rotate_key()
    monkeypatch.undo()
    assert value(SecretStore(state, None)) == "secret"
    SecretStore(state, None).rotate_key()
    assert value(SecretStore(state, None)) == "secret"
    assert len((state / "secrets.key").read_bytes().split()) == 1


def test_the_key_of_systemd_is_used_and_none_is_made(state: Path, tmp_path: Path) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    (tmp_path / CREDENTIAL).write_bytes(old)
    secret_store = SecretStore(state, tmp_path)
    store(secret_store, "secret")
    assert list(content(state)) == ["secrets.enc"]
    (tmp_path / CREDENTIAL).write_bytes(new + b"\n" + old + b"\n")
    assert value(secret_store) == "secret"
    secret_store.rotate_key()
    (tmp_path / CREDENTIAL).write_bytes(new)
    assert value(secret_store) == "secret"


def test_what_was_stored_without_the_credential_moves_to_it(state: Path, tmp_path: Path) -> None:
    """A command is not given the credential: it makes a key, and the service takes over what it stored."""
    store(SecretStore(state, None), "secret")
    (tmp_path / CREDENTIAL).write_bytes(Fernet.generate_key())
    service = SecretStore(state, tmp_path)
    assert value(service) == "secret"
    assert service.move_to_credential()
    assert list(content(state)) == ["secrets.enc"]
    assert not service.move_to_credential()
    (state / "secrets.key").write_bytes(b"no key\n")
    assert value(service) == "secret"
    (tmp_path / CREDENTIAL).write_bytes(Fernet.generate_key())
    for attempt in (service.load, service.move_to_credential):
        with pytest.raises(SecretsKeyWrong):
            attempt()


def test_a_wrong_key_is_named_and_overwrites_nothing(state: Path) -> None:
    secret_store = SecretStore(state, None)
    store(secret_store, "secret")
    key = (state / "secrets.key").read_bytes()
    (state / "secrets.key").write_bytes(Fernet.generate_key())
    before = content(state)
    for attempt in (secret_store.load, secret_store.rotate_key, lambda: store_more(secret_store)):
        with pytest.raises(SecretsKeyWrong):
            attempt()
    assert content(state) == before
    (state / "secrets.key").write_bytes(key)
    assert value(secret_store) == "secret"


def store_more(secret_store: SecretStore) -> None:
    """As every writer does: what is there stays."""
    secret_store.store({**secret_store.load(), "exchange.password": StoredSecret(Secret("x"), NOW)})


@pytest.mark.parametrize("content_of_key", [None, b"", b"no key\n"])
def test_a_key_that_is_lost_or_none_is_named(state: Path, content_of_key: bytes | None) -> None:
    secret_store = SecretStore(state, None)
    store(secret_store, "secret")
    (state / "secrets.key").unlink()
    if content_of_key is not None:
        (state / "secrets.key").write_bytes(content_of_key)
    before = content(state)
    with pytest.raises(SecretsKeyUnusable):
        secret_store.load()
    with pytest.raises(SecretsKeyUnusable):
        store(secret_store, "other")
    assert content(state) == before


@pytest.mark.slow
@given(position=st.integers(0, 200), flipped=st.integers(1, 255))
def test_damage_is_named_or_has_changed_nothing(
    tmp_path_factory: pytest.TempPathFactory, position: int, flipped: int
) -> None:
    """The last letters of a token in base64 hold bits that stand for nothing."""
    state = tmp_path_factory.mktemp("state")
    secret_store = SecretStore(state, None)
    store(secret_store, "secret")
    data = bytearray((state / "secrets.enc").read_bytes())
    data[position % len(data)] ^= flipped
    (state / "secrets.enc").write_bytes(data)
    try:
        found = secret_store.load()
    except (StoredSecretsDamaged, SecretsKeyWrong):
        return
    assert [each.value.reveal() for each in found.values()] == ["secret"]
    assert position % len(data) > len(data) - 5


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_state_directory_that_others_can_look_into_is_refused(state: Path, mode: int) -> None:
    secret_store = SecretStore(state, None)
    store(secret_store, "secret")
    state.chmod(mode)
    before = content(state)
    with pytest.raises(StateDirectoryExposed, match=f"{mode:04o}"):
        secret_store.load()
    with pytest.raises(StateDirectoryExposed):
        store(secret_store, "other")
    assert content(state) == before


def test_a_state_directory_of_somebody_else_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = state.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(StateDirectoryExposed):
        store(SecretStore(state, None), "secret")


@pytest.mark.slow
@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_no_secret_shows_in_a_representation(text: str) -> None:
    assert f"<{text}>" not in repr(StoredSecret(Secret(f"<{text}>"), NOW))
