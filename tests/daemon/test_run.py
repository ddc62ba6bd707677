"""`calendar-engine run` with invalid input: a clear message, and it waits for a correction."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.service import COMMAND, read_until, running
from tests.support.eventually import PATIENCE

pytestmark = [pytest.mark.process, pytest.mark.slow]

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
    return subprocess.run(
        command, capture_output=True, text=True, env=clean | environment, timeout=PATIENCE, check=False
    )


def reached(directory: Path) -> str:
    """The part of a settings file that says where the engine is."""
    return f'\n[engine]\nstate_dir = "{directory / "state"}"\nsocket = "{directory / "engine.sock"}"\n'


def status(process: subprocess.Popen[str], directory: Path) -> str:
    """What an engine that is not set up tells, once it has told its log that it can be asked."""
    read_until(process, "local API at")
    asked = subprocess.run(
        [*COMMAND, "status", "--socket", str(directory / "engine.sock")], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 1
    return asked.stdout


def test_every_mistake_in_the_settings_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    bad = '[pbx]\nmaster = ""\nhots = "pbx"\n\n[exchange]\ntype = "on-premise"\nconnections = 0\n'
    path.write_text(bad + reached(tmp_path))
    with running(path) as process:
        told = "".join(read_until(process, words) for words in (str(path), "line 3", "line 6", "line 7"))
        said = status(process, tmp_path)
    for words in ("pbx.hots", "on-premises", "connections"):
        assert words in told
    assert "not set up" in said
    assert "pbx.host" in said


def test_missing_passwords(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD + reached(tmp_path))
    with running(path, CALENDAR_ENGINE_EXCHANGE_PASSWORD="", CALENDAR_ENGINE_PBX_PASSWORD="") as process:
        told = read_until(process, "Passwords are missing")
        assert "CALENDAR_ENGINE_EXCHANGE_PASSWORD" in told
        assert "CALENDAR_ENGINE_PBX_PASSWORD" in told
        assert "Passwords are missing" in status(process, tmp_path)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no settings file"), (b"[pbx]\nmaster = '\xff'\n", "not UTF-8")]
)
def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    places = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path)}
    with running(path, **places) as process:
        assert str(path) in read_until(process, words)
        assert words in " ".join(status(process, tmp_path).split())


def test_the_log_as_json(tmp_path: Path) -> None:
    places = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path)}
    with running(tmp_path / "settings.toml", "--log-format", "json", **places) as process:
        line = json.loads(read_until(process, "there is no settings file"))
    assert line["level"] == "warning"
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


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
