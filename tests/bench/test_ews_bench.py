"""Benchmark of the initial load against exchangelib: the same FindItem on the same server, impersonated.

Goal: an eighth of exchangelib's CPU time, and sooner done. The server is a process of its own; both log in by NTLM
over the same number of connections.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import exchangelib
import pytest
from exchangelib.properties import CalendarView, DistinguishedFolderId
from exchangelib.services import FindItem

from engine.core.secret import Secret
from engine.exchange.ews.source import EwsSource
from engine.exchange.http.auth import Credential
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.connection import verified_context
from engine.exchange.source import Mailbox, Window
from engine.settings.model import Authentication, ExchangeSettings, ExchangeType
from engine.simulator.world import generate
from engine.sync.clocks import SteadyClock
from tests.bench.exchange_server import BERLIN, MONDAY, Server, served

pytestmark = pytest.mark.process

MAILBOXES = 2000
WARM_UP = 100
APPOINTMENTS = 20
CONNECTIONS = 4
ACCOUNT, PASSWORD = "CORP\\svc-calendar", "simulated-Passw0rd"
WINDOW = Window(generate(0, 0, MONDAY, BERLIN).instant("00:00"), generate(0, 0, MONDAY, BERLIN).instant("00:00", 2))
ADDRESSES = [f"user{number:05}@corp.example" for number in range(MAILBOXES)]


@dataclass(frozen=True)
class Cost:
    cpu: float
    elapsed: float
    items: int

    def __str__(self) -> str:
        return (
            f"{1000 * self.cpu / MAILBOXES:.2f} ms CPU per mailbox, {MAILBOXES / self.elapsed:,.0f} requests/s, "
            f"{self.elapsed:.1f} s, {self.items:,} appointments"
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(MAILBOXES, APPOINTMENTS, MONDAY, tmp_path) as server:
        yield server


def measured(read: Callable[[int], int]) -> Cost:
    """Return what it costs to read all mailboxes, once everything is loaded and logged in."""
    read(WARM_UP)
    cpu, elapsed = time.process_time(), time.perf_counter()
    items = read(MAILBOXES)
    return Cost(time.process_time() - cpu, time.perf_counter() - elapsed, items)


def ours(server: Server) -> Cost:
    settings = ExchangeSettings(
        type=ExchangeType.ON_PREMISES, user=ACCOUNT, ews_url=server.url, connections=CONNECTIONS
    )
    clock = SteadyClock()
    http = ExchangeHttp(
        log_in=Credential(ACCOUNT, Secret(PASSWORD), Authentication.NTLM, channel_binding=True),
        connections=CONNECTIONS,
        tls=verified_context(server.ca_file),
        clock=clock,
        user_agent="calendar-engine/bench",
    )
    source = EwsSource(settings, with_subjects=True, exception_organizer=None, http=http, clock=clock, random=Random(1))

    async def read(mailboxes: int) -> int:
        found = await asyncio.gather(
            *(source.read_window(Mailbox(address, server.url), WINDOW) for address in ADDRESSES[:mailboxes])
        )
        return sum(map(len, found))

    with asyncio.Runner() as runner:
        cost = measured(lambda mailboxes: runner.run(read(mailboxes)))
        runner.run(source.close())
    return cost


def theirs(server: Server) -> Cost:
    version = exchangelib.Version(exchangelib.version.EXCHANGE_2016)
    configuration = exchangelib.Configuration(
        credentials=exchangelib.Credentials(ACCOUNT, PASSWORD),
        service_endpoint=server.url,
        auth_type=exchangelib.NTLM,
        version=version,
        max_connections=CONNECTIONS,
    )
    names = (
        *("subject", "sensitivity", "start", "end", "is_all_day", "legacy_free_busy_status", "is_cancelled"),
        *("type", "my_response_type", "_start_timezone"),
    )
    fields = [exchangelib.fields.FieldPath(exchangelib.CalendarItem.get_field_by_fieldname(name)) for name in names]
    accounts = [
        exchangelib.Account(
            address,
            config=configuration,
            autodiscover=False,
            access_type=exchangelib.IMPERSONATION,
            default_timezone=exchangelib.UTC,
        )
        for address in ADDRESSES
    ]
    view = CalendarView(
        start=exchangelib.EWSDateTime.from_datetime(WINDOW.start), end=exchangelib.EWSDateTime.from_datetime(WINDOW.end)
    )

    def read(account: Any) -> int:
        mailbox = exchangelib.Mailbox(email_address=account.primary_smtp_address)
        found = FindItem(account=account).call(
            folders=[DistinguishedFolderId(id="calendar", mailbox=mailbox)],
            additional_fields=fields,
            restriction=None,
            order_fields=None,
            shape="IdOnly",
            query_string=None,
            depth="Shallow",
            calendar_view=view,
            max_items=None,
            offset=0,
        )
        return sum(item.start is not None for item in found)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        cost = measured(lambda mailboxes: sum(pool.map(read, accounts[:mailboxes])))
    accounts[0].protocol.close()
    return cost


@pytest.mark.timeout(600)
def test_the_initial_load_costs_an_eighth_of_exchangelib(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", str(server.ca_file))
    engine, library = ours(server), theirs(server)
    print(
        f"\n{MAILBOXES} mailboxes with {APPOINTMENTS} appointments over {CONNECTIONS} connections:"
        f"\n  engine      {engine}\n  exchangelib {library}\n  {library.cpu / engine.cpu:.1f} times the CPU"
    )
    assert engine.items == library.items > MAILBOXES
    assert engine.cpu <= library.cpu / 8
    assert engine.elapsed < library.elapsed
