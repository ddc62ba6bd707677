"""`calendar-engine run` with what people get wrong: a clear word, the right exit status, nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
[pbx]
master = "headquarters"
host = "127.0.0.1"

[exchange]
type = "on-premises"
user = "svc@corp.example"
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.cli.main", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CALENDAR_")}
    return subprocess.run(command, capture_output=True, text=True, env=clean | environment, timeout=30, check=False)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.toml"
    path.write_text(f'{GOOD}\n[engine]\nstate_dir = "{tmp_path / "state"}"\n')
    return path


def test_every_mistake_in_the_settings_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[pbx]\nmaster = ""\nhots = "pbx"\n\n[exchange]\ntype = "on-premise"\nconnections = 0\n')
    ended = run("run", "--settings", str(path))
    assert ended.returncode == 2
    assert ended.stdout == ""
    for words in (str(path), "line 3", "pbx.hots", "pbx.host", "line 6", "on-premises", "line 7", "connections"):
        assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_file_and_missing_passwords(tmp_path: Path, good: Path) -> None:
    missing = run("run", "--settings", str(tmp_path / "nowhere.toml"))
    assert missing.returncode == 2
    assert "nowhere.toml" in missing.stderr
    passwords = run("run", "--settings", str(good))
    assert passwords.returncode == 2
    assert "CALENDAR_ENGINE_EXCHANGE_PASSWORD" in passwords.stderr
    assert "CALENDAR_ENGINE_PBX_PASSWORD" in passwords.stderr


def test_settings_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"[pbx]\nmaster = '\xff'\n")
    ended = run("run", "--settings", str(path))
    assert ended.returncode == 2
    assert "not UTF-8" in ended.stderr


def test_an_unusable_state_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "settings.toml"
    path.write_text(f'{GOOD}\n[engine]\nstate_dir = "{tmp_path / "file" / "state"}"\n')
    ended = run(
        "run",
        "--settings",
        str(path),
        CALENDAR_ENGINE_EXCHANGE_PASSWORD="one-secret",
        CALENDAR_ENGINE_PBX_PASSWORD="another-secret",
    )
    assert ended.returncode == 2
    assert "engine.state_dir" in ended.stderr
    assert "secret" not in ended.stderr


def test_wrong_arguments() -> None:
    assert run().returncode == 2
    assert run("demo", "--speed", "0").returncode == 2
    assert run("--version").stdout.startswith("calendar-engine ")
