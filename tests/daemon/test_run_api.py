"""`calendar-engine run` with its local API, as a service manager runs it."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.service import COMMAND, ENVIRONMENT, read_until, running
from tests.support.eventually import PATIENCE

pytestmark = [pytest.mark.process, pytest.mark.slow]

SETTINGS = """
[pbx]
master = "headquarters"
host = "127.0.0.1"
port = 9

[exchange]
type = "on-premises"
user = "svc@corp.example"

[engine]
state_dir = "{state}"
socket = "{socket}"
"""


def settings(directory: Path, state: str) -> Path:
    path = directory / f"{state}.toml"
    path.write_text(SETTINGS.format(state=directory / state, socket=directory / "engine.sock"))
    return path


def test_the_engine_serves_its_api_and_ends_on_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    begun = time.monotonic()
    with running(settings(tmp_path, "first")) as process:
        assert str(path) in read_until(process, "local API")
        starting = time.monotonic() - begun
        read_until(process, "PBX cannot be reached")
        status = subprocess.run(
            [*COMMAND, "status", "--socket", str(path)], capture_output=True, text=True, check=False
        )
        assert status.returncode == 1
        assert "The PBX cannot be reached" in status.stdout

        second = subprocess.run(
            [*COMMAND, "run", "--settings", str(settings(tmp_path, "second"))],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert "Another process listens" in second.stderr

        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        assert time.monotonic() - begun < max(2, starting), "on a busy machine its start takes long as well"
    assert not path.exists()
    assert not (tmp_path / "engine-ro.sock").exists()


def test_the_socket_of_an_engine_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    path = settings(tmp_path, "state")
    with running(path) as process:
        read_until(process, "local API")
    assert (tmp_path / "engine.sock").is_socket()
    with running(path) as process:
        read_until(process, "local API")
