"""A simulated Exchange in a separate process, so that its CPU time is not counted."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.world import generate

MONDAY = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")


async def serve(mailboxes: int, appointments: int, first_day: date, directory: Path) -> None:
    """Print the EWS URL to standard output, then serve until standard input ends."""
    authority = CertificateAuthority()
    authority.ca_file(directory)
    world = generate(mailboxes, appointments, first_day, BERLIN)
    async with ExchangeSimulator(
        world,
        authority=authority,
        schemes=("Negotiate", "NTLM", "Basic"),
        behaviour=Behaviour(heartbeat_seconds=45),
    ) as server:
        print(server.ews_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


@dataclass(frozen=True)
class Server:
    url: str
    ca_file: Path


@contextlib.contextmanager
def served(mailboxes: int, appointments: int, first_day: date, directory: Path) -> Iterator[Server]:
    """Context manager that runs the server in a separate process."""
    sizes = (str(mailboxes), str(appointments), first_day.isoformat())
    command = [sys.executable, "-m", __name__, *sizes, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield Server(process.stdout.readline().strip(), directory / "ca.pem")
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), date.fromisoformat(sys.argv[3]), Path(sys.argv[4])))
