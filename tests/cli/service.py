"""`calendar-engine run` in a separate process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRONMENT = os.environ | {"CALENDAR_ENGINE_EXCHANGE_PASSWORD": "one", "CALENDAR_ENGINE_PBX_PASSWORD": "two"}
COMMAND = [sys.executable, "-m", "engine.cli.main"]


@contextmanager
def running(settings: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "run", "--settings", str(settings), *options]
    with subprocess.Popen(command, env=ENVIRONMENT | environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Return the first line of the log with these words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words!r}")
