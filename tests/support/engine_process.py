"""`calendar-engine run` as a process of its own, one of several over a database, and what may befall it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.database_proxy import DatabaseProxy
from tests.support.steered_engine import STALL, Steering

ROOT = Path(__file__).parents[2]


@dataclass
class Machine:
    """What a node has of its own: a directory with its settings file, its state and its socket, a proxy to the
    database, and a wall clock. Processes come and go, each from an address of its own."""

    name: str
    node: str
    directory: Path
    proxy: DatabaseProxy
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "EngineProcess | None" = None
    is_cut_from_pbx: bool = False
    steering: Steering = field(init=False)

    def __post_init__(self) -> None:
        self.steering = Steering(self.directory / "steering")

    @property
    def settings_file(self) -> Path:
        return self.directory / "calendar-engine.toml"

    @property
    def socket(self) -> Path:
        return self.directory / "engine.sock"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.is_running

    @property
    def is_well(self) -> bool:
        """Whether nothing hinders it that a test has done."""
        return (
            self.process is not None
            and self.process.is_running
            and not self.process.is_frozen
            and time.monotonic() >= self.process.stalled_until
            and not self.proxy.is_cut
            and not self.proxy.delay
            and not self.is_cut_from_pbx
            and not self.steering.ahead
        )

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask the API; raises an `OSError` or `aiohttp.ClientError` if nobody answers."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(
                "http://localhost", connector=aiohttp.UnixConnector(path=str(self.socket))
            ) as session,
            session.request(method, path, json=body, headers=names, timeout=aiohttp.ClientTimeout(10)) as response,
        ):
            return response.status, await response.json(content_type=None)


class EngineProcess:
    """One process; `address` is where its connections come from."""

    def __init__(self, machine: Machine, address: str, process: asyncio.subprocess.Process) -> None:
        self.machine = machine
        self.address = address
        self.is_frozen = False
        self.was_ended = False
        self.stalled_until = 0.0
        self._process = process

    @classmethod
    async def begun(cls, machine: Machine, address: str) -> "EngineProcess":
        """Start it; what it says is added to the log of its machine."""
        with machine.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.steered_engine",
                str(machine.directory / "steering"),
                address,
                "run",
                "--settings",
                str(machine.settings_file),
                "--log-format",
                "json",
                cwd=ROOT,
                env=os.environ | {"PYTHONUTF8": "1"} | dict(machine.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return cls(machine, address, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    @property
    def status(self) -> int | None:
        return self._process.returncode

    async def kill(self) -> None:
        """End it as a power cut does."""
        self._send(signal.SIGKILL)
        await self._process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    async def ended(self) -> None:
        await self._process.wait()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self.is_frozen = True
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        self.is_frozen = False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def stall(self, seconds: float) -> None:
        """Have its event loop stand still, while its threads go on; nothing happens before there is one."""
        try:
            has_handler = int(_status_of(self.pid)["SigCgt"], 16) >> (STALL - 1) & 1
        except FileNotFoundError:  # it has just ended
            return
        if not has_handler:
            return
        self.machine.steering.stall_seconds = seconds
        self.stalled_until = time.monotonic() + seconds
        os.kill(self.pid, STALL)

    def _send(self, number: signal.Signals) -> None:
        self.was_ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def memory_of(pid: int) -> tuple[float, float]:
    """Return how many MiB of a process are resident, and how many were at most."""
    status = _status_of(pid)
    resident, most = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return resident, most


def _status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
