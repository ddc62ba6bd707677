"""A simulated Exchange in a process of its own, so that a client's CPU time is its own."""

import asyncio
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import generate

MONDAY = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")


async def serve(mailboxes: int, appointments: int, directory: Path) -> None:
    """Say the EWS URL on standard output, then serve until standard input ends."""
    authority = CertificateAuthority()
    authority.ca_file(directory)
    world = generate(mailboxes, appointments, MONDAY, BERLIN)
    async with ExchangeSimulator(world, authority=authority, schemes=("Negotiate", "NTLM", "Basic")) as server:
        print(server.ews_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
