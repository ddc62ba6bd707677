"""Valid messages of the simulators, recorded at the start of a campaign, for mutation."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from unittest import mock

from engine.core.http_record import HttpRecord
from engine.daemon.build import assemble
from engine.debuglog.entry import operation_of
from engine.pbx import protocol
from engine.pbx.protocol import Message, decode
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.world import generate
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock
from tests.campaigns.faults.stage import BERLIN
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.site import ews_schema, tasks_of
from tests.support.tracing import Onlooker

PEOPLE, DAY = 6, date(2026, 3, 2)

MOST = 4
"""Messages of a kind: more of them are no different."""

LONGEST = 8000

Samples = Mapping[str, tuple[bytes, ...]]
"""By the name of what reads them."""

_READERS = {
    "GetUserSettings": "autodiscover, SOAP",
    "Autodiscover": "autodiscover, POX",
    "GetStreamingEvents": "streams",
}


def recorded() -> Samples:
    """Let an engine work with both simulators for a moment, and return what they said."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        return runner.run(_recorded(Path(directory)))


async def _recorded(directory: Path) -> Samples:
    onlooker, heard = Onlooker(), list[str]()

    def listened(text: str) -> Message:
        heard.append(text)
        return decode(text)

    world = generate(PEOPLE, 3, DAY, BERLIN)
    clock = ManualClock(world.instant("08:10"))
    with mock.patch.object(protocol, "decode", listened):
        async with Company(world, directory, clock, schema=ews_schema()) as company:
            await _work(company, clock, onlooker, directory)
    return _sorted(onlooker.seen, heard)


async def _work(company: Company, clock: ManualClock, onlooker: Onlooker, directory: Path) -> None:
    settings = read_settings(company.settings(presence={"show_subject": True}), default_zone=BERLIN)
    database = Database(directory / "state")
    await database.open()
    try:
        engine = assemble(
            settings,
            Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD),
            AcknowledgedPresences(database),
            clock=clock,
            network_clock=SteadyClock(),
            observe=lambda _: None,
            resolver=RoutedResolver(company.exchange.routes),
            trace=onlooker,
        )
        async with patience(), tasks_of(engine):
            await eventually(lambda: engine.status().users >= PEOPLE)
            await engine.settled()
    finally:
        await database.close()


def _sorted(exchanges: Iterable[HttpRecord], heard: Iterable[str]) -> Samples:
    found: dict[tuple[str, str], dict[bytes, None]] = defaultdict(dict)
    for each in exchanges:
        if each.response:
            operation = operation_of(each.method, each.url, each.request)
            found[_READERS.get(operation, "EWS answers"), operation][each.response[:LONGEST]] = None
    for text in heard:
        found["PBX messages", str(decode(text).get("mt"))][text.encode()] = None
    samples: dict[str, list[bytes]] = defaultdict(list)
    for (name, _), bodies in found.items():
        samples[name] += list(bodies)[:MOST]
    return {name: tuple(bodies) for name, bodies in samples.items()}
