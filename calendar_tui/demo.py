"""Starts simulators and engine by themselves for `calendar-tui --demo`, and ends them."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GRACE = 10.0
"""Seconds that the demo gets to end."""


@contextmanager
def running_demo() -> Iterator[Path]:
    """Run `calendar-engine demo` as long as the context lasts and give where its socket will be."""
    with tempfile.TemporaryDirectory(prefix="calendar-tui-demo-") as name:
        socket = Path(name) / "engine.sock"
        command = [sys.executable, "-m", "engine.cli.main", "demo", "--headless", "--json", "--socket", str(socket)]
        with subprocess.Popen(  # noqa: S603 - our own command, without a shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield socket
            finally:
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
