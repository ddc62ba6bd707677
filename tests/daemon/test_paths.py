"""Where the settings are by default."""

import os
from pathlib import Path

import platformdirs
import pytest

from engine.daemon import paths
from engine.daemon.paths import NAME, settings_path

ACCOUNT = 1000


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the service's settings, for an account other than root."""
    directory = tmp_path / "etc"
    directory.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: ACCOUNT)
    monkeypatch.setattr(paths, "SERVICE_SETTINGS", directory / NAME)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: tmp_path / "own")
    return directory


def test_those_of_the_service_come_before_those_of_the_account(service: Path, tmp_path: Path) -> None:
    assert settings_path({}) == tmp_path / "own" / NAME
    (service / NAME).touch()
    assert settings_path({}) == service / NAME


def test_a_directory_that_may_not_be_entered_counts_as_having_them(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, **__: object) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refuse)
    assert settings_path({}) == service / NAME


def test_systemd_decides_for_a_service(service: Path) -> None:
    (service / NAME).touch()
    assert settings_path({"CONFIGURATION_DIRECTORY": "/etc/one:/etc/other"}) == Path("/etc/one") / NAME
