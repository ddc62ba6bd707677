"""`calendar-engine` as a process whose wall clock is set, and whose event loop stands still, as a test says.

    python -m tests.support.steered_engine STEERING ADDRESS run --settings FILE

Nothing in the product knows of it: the process reads another wall clock, a signal handler sleeps, and connections to
the simulators come from an address of the loopback network that tells whose they are. It ends with the test, however
that ends.
"""

import ctypes
import mmap
import signal
import socket
import struct
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

SECOND = 1_000_000_000
_LAYOUT = struct.Struct("=qq")
_PR_SET_PDEATHSIG = 1

STALL = signal.SIGUSR1
"""Has the loop stand still for as long as the steering says."""


class Steering:
    """A file that both processes have in memory: how far the wall clock is ahead, and how long a stall lasts."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_LAYOUT.size))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _LAYOUT.size)

    @property
    def ahead(self) -> timedelta:
        return timedelta(microseconds=self.nanoseconds_ahead / 1000)

    @ahead.setter
    def ahead(self, ahead: timedelta) -> None:
        self._write(ahead // timedelta(microseconds=1) * 1000, self._read()[1])

    @property
    def nanoseconds_ahead(self) -> int:
        return self._read()[0]

    @property
    def stall_seconds(self) -> float:
        return self._read()[1] / SECOND

    @stall_seconds.setter
    def stall_seconds(self, seconds: float) -> None:
        self._write(self._read()[0], round(seconds * SECOND))

    def _read(self) -> tuple[int, int]:
        ahead, stall = _LAYOUT.unpack_from(self._memory)
        return ahead, stall

    def _write(self, ahead: int, stall: int) -> None:
        _LAYOUT.pack_into(self._memory, 0, ahead, stall)


def steered(steering: Steering) -> None:
    """Have this process read the wall clock that the steering says."""
    from engine.sync.clocks import SystemClock

    real = time.time_ns

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + steering.ahead

    time.time_ns = lambda: real() + steering.nanoseconds_ahead
    SystemClock.now = now  # type: ignore[method-assign]
    signal.signal(STALL, lambda *_: time.sleep(steering.stall_seconds))


def from_address(address: str) -> None:
    """Have this process make its connections from an address, as if it were a machine of its own."""

    def connects(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[0].family == socket.AF_INET:
            arguments[0].bind((address, 0))

    sys.addaudithook(connects)


def main() -> NoReturn:
    """Run a command of `calendar-engine` in this process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    from engine.cli.main import main as run
    from engine.daemon.process import leave

    file, address, *arguments = sys.argv[1:]
    steered(Steering(Path(file)))
    from_address(address)
    leave(run(arguments))


if __name__ == "__main__":
    main()
