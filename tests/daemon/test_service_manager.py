"""The service manager is told what systemd expects, over a real socket: ready, alive, how it is, stopping."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engine.daemon.service_manager import ServiceManager
from engine.simulator.ports import port_of, reserve
from tests.cli.service import running
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE

Told = dict[str, str]


class NotifySocket:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.environment = {"NOTIFY_SOCKET": address}

    def told(self) -> list[Told]:
        """Return what was sent since the last time."""
        self.socket.setblocking(False)
        found: list[Told] = []
        try:
            while True:
                found.append(self.next_told())
        except BlockingIOError:
            return found

    def next_told(self) -> Told:
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    manager = NotifySocket(str(tmp_path / "notify") if request.param == "path" else f"@calendar-{tmp_path}"[:100])
    yield manager
    manager.socket.close()


@asynccontextmanager
async def informed(manager: NotifySocket, clock: ManualClock, words: list[str], **more: str) -> AsyncIterator[None]:
    """Keep the manager informed of the first of `words`, which may change."""
    service_manager = ServiceManager(manager.environment | more, clock)
    task = asyncio.create_task(service_manager.keep_informed(lambda: words[0]))  # noqa: TID251
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_it_is_told_from_ready_to_stopping(manager: NotifySocket) -> None:
    clock, words = ManualClock(), ["not set up"]
    async with informed(manager, clock, words):
        assert manager.told() == [{"READY": "1", "STATUS": "not set up"}]
        words[0] = "26 users\nREADY=0"
        await clock.advance(10)
        [told] = manager.told()
        assert told.keys() == {"WATCHDOG", "STATUS"}
        assert told["STATUS"].startswith("26 users")
    assert manager.told() == [{"STOPPING": "1", "STATUS": "stopping"}]


async def test_the_watchdog_hears_twice_in_its_time(manager: NotifySocket) -> None:
    clock = ManualClock()
    async with informed(manager, clock, [""], WATCHDOG_USEC="4000000"):
        manager.told()
        for _ in range(8):
            await clock.advance(1)
        assert [told["WATCHDOG"] for told in manager.told()] == ["1"] * 4


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_nobody_is_told_where_nobody_listens(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment, ManualClock())
    manager.tell(READY="1")
    assert manager.interval <= timedelta(seconds=10)


@pytest.mark.process
@pytest.mark.slow
def test_a_new_installation_is_ready_and_says_that_it_is_not_set_up(tmp_path: Path) -> None:
    manager = NotifySocket(str(tmp_path / "notify"))
    manager.socket.settimeout(PATIENCE)
    places = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path)}
    with manager.socket, running(tmp_path / "settings.toml", **places, **manager.environment) as process:
        ready = manager.next_told()
        assert ready["READY"] == "1"
        assert "not set up" in ready["STATUS"]
        process.send_signal(signal.SIGTERM)
        while "STOPPING" not in manager.next_told():
            pass
        assert process.wait(PATIENCE) == 0


@pytest.mark.process
@pytest.mark.slow
def test_it_is_ready_while_neither_pbx_nor_exchange_can_be_reached(tmp_path: Path) -> None:
    manager = NotifySocket(str(tmp_path / "notify"))
    manager.socket.settimeout(PATIENCE)
    with reserve(0) as nobody_there:
        pbx = f'[pbx]\nmaster = "headquarters"\nhost = "127.0.0.1"\nport = {port_of(nobody_there)}\n'
        (tmp_path / "settings.toml").write_text(f'{pbx}[exchange]\ntype = "on-premises"\nuser = "svc@corp.invalid"\n')
        places = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path)}
        with manager.socket, running(tmp_path / "settings.toml", **places, **manager.environment):
            assert manager.next_told()["READY"] == "1"
            while "PBX cannot be reached" not in manager.next_told()["STATUS"]:
                pass
