"""A site whose users several engines share: a PostgreSQL, both simulators, and the engines as processes.

Everything happens in real time, because the processes live in it. Each has a directory and a proxy to the database.
"""

import asyncio
import contextlib
import struct
from asyncio.trsock import TransportSocket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Self
from zoneinfo import ZoneInfo

import psycopg
import tomlkit
from cryptography.fernet import Fernet

from engine.cluster.sharing import shard_of
from engine.core.presence import decide
from engine.core.presence.model import Presence, PresenceSettings
from engine.settings.local_keys import combined, local_part, shared_part
from engine.settings.reader import read_settings
from engine.simulator.company import DOMAIN, Company
from engine.simulator.pbx.server import CALENDAR
from engine.simulator.pbx.state import PresenceWrite
from engine.simulator.world import Person, World
from engine.sync.clocks import SystemClock
from tests.support.cluster import made_small, write_first_settings
from tests.support.database_proxy import DatabaseProxy
from tests.support.engine_process import EngineProcess, Machine
from tests.support.postgres import PostgresDatabase, PostgresServer
from tests.support.silence import cut_off, hear_again
from tests.support.write_judge import Arrival, Claimed, Judge

BERLIN = ZoneInfo("Europe/Berlin")
LOOK = timedelta(days=10)


def some_people(count: int) -> list[Person]:
    """People with a mailbox each, which the PBX knows."""
    addresses = [f"p{n}@{DOMAIN}" for n in range(count)]
    return [
        Person(name=f"p{n}", display_name=f"P {n}", mailbox=address, pbx_addresses=(address,))
        for n, address in enumerate(addresses)
    ]


@dataclass(frozen=True, slots=True)
class Link:
    """A connection of an engine to the PBX, as the PBX has it."""

    process: EngineProcess
    transport: asyncio.Transport
    socket: TransportSocket


class ClusterSite:
    """Context manager that runs database and simulators, and ends all engines that were begun; `shards` and
    `lease_seconds` are the cluster's. The judge is told of every write; `written` are the latest for each user."""

    def __init__(
        self,
        server: PostgresServer,
        directory: Path,
        *,
        people: int = 12,
        shards: int = 8,
        lease_seconds: int = 5,
    ) -> None:
        self.server = server
        self.directory = directory
        self.shards, self.lease_seconds = shards, lease_seconds
        self.judge = Judge()
        self.written: dict[str, Arrival] = {}
        self.machines: dict[str, Machine] = {}
        self.world = World(datetime.now(BERLIN).date(), BERLIN, some_people(people))
        self.company = Company(self.world, directory, SystemClock())
        self.database: PostgresDatabase
        self._stack = contextlib.AsyncExitStack()
        self._rules: dict[str, PresenceSettings] = {}
        self._key = Fernet.generate_key()
        self._processes: dict[str, EngineProcess] = {}
        self._links: dict[int, Link] = {}
        self._witness: psycopg.Connection[tuple[object, ...]] | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self.database = stack.enter_context(self.server.database(self.server.prepared()))
            made_small(self.database, shards=self.shards, lease_seconds=self.lease_seconds)
            await stack.enter_async_context(self.company)
            self.company.pbx.on_connect = self._connected
            self.company.pbx.on_write = self._written
            await write_first_settings(self.database, shared_part(self.settings), self.company.secrets, self._key)
            stack.push_async_callback(self._end_all)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def settings(self) -> str:
        """The settings of this site, those of one machine included."""
        exchange = {"ews_url": self.company.exchange.ews_url, "mode": "details", "poll_seconds": 60}
        return self.company.settings(exchange=exchange, pbx={"writes_per_second": 100})

    async def machine(self, name: str, node: str | None = None, role: str = "share") -> Machine:
        """Return a machine with what a node needs on it; `node` is its name among the nodes, if it is another."""
        directory = self.directory / name
        state, proxied = directory / "state", directory / "database"
        for each in (directory, state, proxied):
            each.mkdir(mode=0o700)
        (state / "secrets.key").write_bytes(self._key)
        (state / "secrets.key").chmod(0o600)
        proxy = DatabaseProxy(self.server.directory)
        host = await self._stack.enter_async_context(proxy.running(proxied))
        machine = Machine(name, node or name, directory, proxy)
        document = tomlkit.parse(local_part(self.settings))
        url = f"postgresql:///{self.database.name}?host={host}&user=calendar_engine"
        document["cluster"] = {"database": url, "node": machine.node, "role": role}
        document["engine"] = {"state_dir": str(state), "socket": str(machine.socket)}
        machine.settings_file.write_text(tomlkit.dumps(document))
        self.machines[name] = machine
        return machine

    async def start(self, machine: Machine) -> EngineProcess:
        """Start an engine on a machine."""
        number = len(self._processes) + 1
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        machine.process = self._processes[address] = await EngineProcess.begun(machine, address)
        return machine.process

    def cut_from_pbx(self, machine: Machine) -> None:
        """Let nothing of what a machine sends arrive at the PBX: a proxy in between would acknowledge what it has not
        delivered, as no network does."""
        machine.is_cut_from_pbx = True
        for link in self._links_of(machine):
            with contextlib.suppress(OSError):  # it has ended
                cut_off(link.socket)

    def mend_to_pbx(self, machine: Machine) -> None:
        """Let everything through again."""
        machine.is_cut_from_pbx = False
        for link in self._links_of(machine):
            with contextlib.suppress(OSError):
                hear_again(link.socket)

    def reset_pbx_links(self, machine: Machine) -> None:
        """Reset the connections of a machine to the PBX."""
        for link in self._links_of(machine):
            with contextlib.suppress(OSError):
                link.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                link.transport.abort()

    def _links_of(self, machine: Machine) -> list[Link]:
        return [each for each in self._links.values() if each.process.machine is machine]

    # -- what is, and what should be

    def rules(self) -> PresenceSettings:
        """Return the settings in force of what presences are made of."""
        [[text]] = self.rows("SELECT text FROM settings_version v JOIN cluster ON v.id = settings")
        if str(text) not in self._rules:
            settings = read_settings(combined(local_part(self.settings), str(text)), default_zone=BERLIN)
            self._rules[str(text)] = settings.presence
        return self._rules[str(text)]

    def shown(self, person: Person) -> Presence:
        return self.company.pbx.calendar_presence(person.guid)

    def wrong(self) -> dict[str, tuple[Presence, Presence]]:
        """Return the users whose presence is wrong, with the shown and the expected one."""
        rules, now = self.rules(), datetime.now(UTC)
        pairs: dict[str, tuple[Presence, Presence]] = {}
        for each in self.world.people:
            truth = self.world.as_appointments(each.mailbox or "", now - LOOK, now + LOOK)
            pairs[each.name] = self.shown(each), decide(truth, rules, now).presence
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def owners(self) -> dict[int, str | None]:
        """Return the node that owns each shard, None where there is none or its term is over."""
        found = self.rows("SELECT shard, CASE WHEN ended IS NULL THEN node END FROM shard LEFT JOIN term USING (term)")
        return {int(str(shard)): None if node is None else str(node) for shard, node in found}

    def people_of(self, node: str) -> list[Person]:
        """Return the users whom a node owns."""
        owners = self.owners()
        return [each for each in self.world.people if owners[shard_of(each.guid, self.shards)] == node]

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the database as its administrator. Raises `psycopg.OperationalError` if it does not answer at once."""
        try:
            if self._witness is None or self._witness.closed:
                self._witness = self.database.connection()
                self._witness.execute("SET lock_timeout = 50")
            return self._witness.execute(statement.encode(), values).fetchall()
        except psycopg.Error:
            if self._witness is not None:
                self._witness.close()
            raise

    # -- what the PBX sees

    def _connected(self, number: int, transport: asyncio.Transport) -> None:
        process = self._processes.get(transport.get_extra_info("peername")[0])
        if process is None:
            return
        link = self._links[number] = Link(process, transport, transport.get_extra_info("socket"))
        if process.machine.is_cut_from_pbx:
            cut_off(link.socket)

    def _written(self, write: PresenceWrite) -> None:
        process = self._links[write.connection].process
        assert write.contact == CALENDAR
        shown = self.company.pbx.calendar_presence(write.guid)
        arrival = Arrival(
            write.at, write.guid, write.contact, shown, process.address, process.machine.node, self._claimed(write.guid)
        )
        self.written[write.guid] = arrival
        self.judge.judge(arrival)

    def _claimed(self, guid: str) -> Claimed | None:
        try:
            [found] = self.rows(_CLAIMED, guid, shard_of(guid, self.shards))
        except (psycopg.Error, ValueError):
            return None
        term, node, token, activity, note, under = found
        intended = None if activity is None else Presence(str(activity), str(note or ""))
        return Claimed(
            None if term is None else str(term),
            None if node is None else str(node),
            int(str(token)),
            intended,
            None if under is None else int(str(under)),
        )

    # -- its beginning and its end

    async def _end_all(self) -> None:
        for process in self._processes.values():
            if process.is_running:
                await process.kill()
        if self._witness is not None:
            self._witness.close()


_CLAIMED = """
SELECT t.term::text, t.node, s.token, p.intended_activity, p.intended_note, p.token
FROM shard s LEFT JOIN term t ON t.term = s.term AND t.ended IS NULL LEFT JOIN presence p ON p.guid = %s
WHERE s.shard = %s
"""
