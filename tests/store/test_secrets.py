"""Tests of the sources of secrets: precedence, protection of the file, and that secrets are never quoted."""

import os
import stat
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import Fault
from engine.settings.model import ExchangeSettings, ExchangeType
from engine.store.secrets import ENVIRONMENT as VARIABLES
from engine.store.secrets import (
    Secrets,
    SecretsFileExposed,
    SecretsFileInvalid,
    SecretsFileUnreadable,
    SecretsMissing,
    chosen_secrets,
    secrets_in_environment,
    secrets_in_file,
    taken_environment,
)

ON_PREMISES = ExchangeSettings(type=ExchangeType.ON_PREMISES)
CLOUD = ExchangeSettings(type=ExchangeType.CLOUD_EWS)
BOTH = "[exchange]\npassword = 'from file'\n[pbx]\npassword = 'pbx file'\n"
ENVIRONMENT = {"CALENDAR_ENGINE_EXCHANGE_PASSWORD": "from env", "CALENDAR_ENGINE_PBX_PASSWORD": "pbx env"}


def load(environment: Mapping[str, str], file: Path | None, exchange: ExchangeSettings = ON_PREMISES) -> Secrets:
    found = {} if file is None else secrets_in_file(file)
    return chosen_secrets(found | secrets_in_environment(environment), exchange)


def write(tmp_path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    file = tmp_path / "secrets.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def test_the_environment_alone_is_enough() -> None:
    found = load(ENVIRONMENT, None)
    assert (found.exchange_password.reveal(), found.pbx_password.reveal()) == ("from env", "pbx env")


def test_two_kinds_of_exchange_need_the_secrets_of_both() -> None:
    with pytest.raises(SecretsMissing, match=r"exchange\.password .*exchange\.client_secret .*pbx\.password"):
        load({}, None, ExchangeSettings(type=ExchangeType.HYBRID))


def test_secrets_are_taken_out_of_the_environment() -> None:
    environment = {"CALENDAR_ENGINE_PBX_PASSWORD": "one", "CALENDAR_ENGINE_EXCHANGE_PASSWORD": "two", "HOME": "/"}
    taken = taken_environment(environment)
    assert taken["CALENDAR_ENGINE_PBX_PASSWORD"] == "one"
    assert environment == {"HOME": "/"}


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    found = load({}, write(tmp_path, BOTH))
    assert (found.exchange_password.reveal(), found.pbx_password.reveal()) == ("from file", "pbx file")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = write(tmp_path, b"\xef\xbb\xbf" + BOTH.replace("\n", "\r\n").encode())
    assert secrets_in_file(file)["pbx.password"].reveal() == "pbx file"


def test_the_environment_wins_one_by_one(tmp_path: Path) -> None:
    found = load({"CALENDAR_ENGINE_PBX_PASSWORD": "pbx env"}, write(tmp_path, BOTH))
    assert (found.exchange_password.reveal(), found.pbx_password.reveal()) == ("from file", "pbx env")


def test_an_empty_variable_does_not_hide_the_file(tmp_path: Path) -> None:
    found = load({"CALENDAR_ENGINE_PBX_PASSWORD": ""}, write(tmp_path, BOTH))
    assert found.pbx_password.reveal() == "pbx file"


def test_all_missing_secrets_are_named_at_once() -> None:
    with pytest.raises(SecretsMissing) as refusal:
        load({}, None)
    assert "exchange.password (CALENDAR_ENGINE_EXCHANGE_PASSWORD)" in refusal.value.detail
    assert "pbx.password (CALENDAR_ENGINE_PBX_PASSWORD)" in refusal.value.detail
    assert refusal.value.fault is Fault.SETTINGS


def test_the_cloud_needs_a_client_secret_unless_it_has_a_certificate() -> None:
    with pytest.raises(SecretsMissing) as refusal:
        load({"CALENDAR_ENGINE_PBX_PASSWORD": "pbx"}, None, CLOUD)
    assert refusal.value.detail == "exchange.client_secret (CALENDAR_ENGINE_EXCHANGE_CLIENT_SECRET)"
    certificate = replace(CLOUD, certificate=Path("/c.pem"), certificate_key=Path("/k.pem"))
    assert not load({"CALENDAR_ENGINE_PBX_PASSWORD": "pbx"}, None, certificate).exchange_client_secret


def test_the_client_secret_comes_from_the_file_too(tmp_path: Path) -> None:
    found = load({}, write(tmp_path, "[exchange]\nclient_secret = 'a~b'\n[pbx]\npassword = 'p'\n"), CLOUD)
    assert found.exchange_client_secret.reveal() == "a~b"
    assert "a~b" not in repr(found)


def test_the_user_of_a_proxy_needs_a_password() -> None:
    proxied = replace(CLOUD, proxy="http://user@proxy.example:3128", certificate=Path("/c"), certificate_key=Path("/k"))
    with pytest.raises(SecretsMissing) as refusal:
        load({"CALENDAR_ENGINE_PBX_PASSWORD": "pbx"}, None, proxied)
    assert refusal.value.detail == "exchange.proxy_password (CALENDAR_ENGINE_EXCHANGE_PROXY_PASSWORD)"
    given = {"CALENDAR_ENGINE_PBX_PASSWORD": "pbx", "CALENDAR_ENGINE_EXCHANGE_PROXY_PASSWORD": "p@ss"}
    found = load(given, None, proxied)
    assert found.exchange_proxy_password.reveal() == "p@ss"
    assert "p@ss" not in repr(found)
    assert found.exchange_proxy_password in found.all
    without = replace(proxied, proxy="http://proxy.example:3128")
    assert not load({"CALENDAR_ENGINE_PBX_PASSWORD": "pbx"}, None, without).exchange_proxy_password


def test_only_the_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsMissing) as refusal:
        load({}, write(tmp_path, "[pbx]\npassword = 'x'\n[exchange]\npassword = ''\n"))
    assert refusal.value.detail == "exchange.password (CALENDAR_ENGINE_EXCHANGE_PASSWORD)"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretsFileExposed, match=f"{mode:04o}") as refusal:
        load({}, write(tmp_path, BOTH, mode))
    assert refusal.value.fault is Fault.SETTINGS


def test_a_file_that_is_read_only_for_its_owner_is_fine(tmp_path: Path) -> None:
    assert load({}, write(tmp_path, BOTH, 0o400)).pbx_password.reveal() == "pbx file"


def test_an_exposed_file_is_refused_even_where_the_environment_has_everything(tmp_path: Path) -> None:
    with pytest.raises(SecretsFileExposed):
        load(ENVIRONMENT, write(tmp_path, BOTH, 0o644))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, BOTH)
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SecretsFileExposed, match=f"belongs to user {owner}, not to user {owner + 1}"):
        load({}, file)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretsFileUnreadable, match="Is a directory"):
        load({}, tmp_path)


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    with pytest.raises(SecretsFileExposed, match="not a regular file"):
        load({}, fifo)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsFileUnreadable, match=r"nowhere\.toml"):
        load({}, tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[exchange]\npassword = 'a'\nuser = 'hunter2'\n", "unknown entry exchange.user"),
        ("password = 'hunter2'\n", "unknown entry password"),
        ("[ldap]\npassword = 'hunter2'\n", "unknown entry ldap.password"),
        ("exchange = 'hunter2'\n", "unknown entry exchange"),
        ("[pbx]\npassword = 4711\n", "pbx.password is not text"),
        ("[pbx]\npassword = hunter2\n", "line 2, column 12"),
        ("[pbx]\npassword = 'hunter2", "at its end"),
        (f"[pbx]\npassword = {'9' * 5000}", "at its end"),
        (b"[pbx]\npassword = 'hunter2\xff'", "not UTF-8"),
    ],
)
def test_what_is_no_secrets_file_is_refused_without_its_content(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(SecretsFileInvalid) as refusal:
        load({}, write(tmp_path, content))
    assert refusal.value.detail.endswith(said)
    assert refusal.value.fault is Fault.SETTINGS
    assert refusal.value.__context__ is None
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text))
def test_no_password_shows_in_a_representation(password: str) -> None:
    found = load(dict.fromkeys(ENVIRONMENT, f"<{password}>"), None)
    assert found.exchange_password.reveal() == f"<{password}>"
    assert f"<{password}>" not in repr(found) + str(found) + repr(found.pbx_password)


def test_the_manual_names_the_variables() -> None:
    manual = (Path(__file__).parents[2] / "man" / "calendar-engine.8").read_text()
    assert [variable for variable in VARIABLES.values() if f".It Ev {variable}\n" not in manual] == []
