"""A simulated PBX and Exchange for packaging/try, until it is ended: `site.py DIRECTORY [ADDRESS]`.

In the directory are then `site.toml` (answers for the set-up), `secrets.toml`, and `presences`: one line for each that
the PBX accepted, with the user, the activity and the note. With an address of this machine, Exchange answers there at
its usual ports, and `hosts` has the lines for its names, as hosts(5).
"""

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from engine.core.appointments import ShowAs
from engine.simulator.company import LOOPBACK, Company
from engine.simulator.pbx.state import PresenceWrite
from engine.simulator.world import World, corp_world
from engine.simulator.world.scenarios import BERLIN
from engine.sync.clocks import SystemClock


async def main(directory: Path, address: str | None = None) -> None:
    """Run both servers until cancelled."""
    now = datetime.now(BERLIN)
    world = corp_world(now.date())
    mailbox = world.people[0].mailbox or ""  # somebody has a presence at any time of the day
    world.put(mailbox, world.whole_days("holiday", days=2, subject="Holiday", show_as=ShowAs.OOF))
    async with Company(world, directory, SystemClock()) as company:
        with (directory / "presences").open("w", buffering=1) as presences:
            company.pbx.on_write = lambda write: print(_line(world, write), file=presences)
            secrets = directory / "secrets.toml"
            secrets.touch(0o600)
            secrets.write_text("".join(_table(name, secret.reveal()) for name, secret in company.secrets.items()))
            answers = company.settings(exchange={"ews_url": company.exchange.ews_url})
            if address is not None:
                for usual, port in {(usual, port) for (_, _, usual), port in company.routes.items()}:
                    await _relay(address, usual, port)
                names = {host for _, host, _ in company.routes}
                (directory / "hosts").write_text("".join(f"{address} {name}\n" for name in sorted(names)))
            (directory / "site.toml").write_text(answers)
            await asyncio.Event().wait()


async def _relay(address: str, usual: int, port: int) -> None:
    """Pass on what connects to a usual port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))

    await asyncio.start_server(connected, address, usual)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


def _table(name: str, password: str) -> str:
    table, _, key = name.partition(".")
    return f"[{table}]\n{key} = '{password}'\n"


def _line(world: World, write: PresenceWrite) -> str:
    name = next(person.name for person in world.people if person.guid == write.guid)
    return f"{name}\t{write.activity or ''}\t{write.note or ''}"


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
