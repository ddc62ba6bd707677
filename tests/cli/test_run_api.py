"""`calendar-engine run` with its local API, as a service manager sees it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
ENVIRONMENT = os.environ | {"CALENDAR_ENGINE_EXCHANGE_PASSWORD": "one", "CALENDAR_ENGINE_PBX_PASSWORD": "two"}
COMMAND = [sys.executable, "-m", "engine.cli.main"]


@contextmanager
def running(settings: Path) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "run", "--settings", str(settings)]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def settings(directory: Path, state: str) -> Path:
    path = directory / f"{state}.toml"
    path.write_text(SETTINGS.format(state=directory / state, socket=directory / "engine.sock"))
    return path


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words!r}")


def test_the_engine_serves_its_api_and_ends_on_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with running(settings(tmp_path, "first")) as process:
        assert str(path) in read_until(process, "local API")
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

        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - before < 2
    assert not path.exists()
    assert not (tmp_path / "engine-ro.sock").exists()


def test_the_socket_of_an_engine_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    path = settings(tmp_path, "state")
    with running(path) as process:
        read_until(process, "local API")
    assert (tmp_path / "engine.sock").is_socket()
    with running(path) as process:
        read_until(process, "local API")
