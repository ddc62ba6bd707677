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
        options = ("--headless", "--json", "--until-eof", "--socket", str(socket))
        with subprocess.Popen(  # noqa: S603 - our own command, without a shell
            [sys.executable, "-m", "engine.cli.main", "demo", *options],
            stdin=subprocess.PIPE,  # ends with this program, however that ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what hangs up the terminal is not to end it before it has tidied up
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
