"""A third-party client works with the simulator: calendar view, name resolution, notifications."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchangelib import (
    BASIC,
    IMPERSONATION,
    UTC,
    Account,
    Configuration,
    Credentials,
    EWSDateTime,
    Version,
)
from exchangelib.properties import CreatedEvent
from exchangelib.version import EXCHANGE_2016

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import World
from tests.simulator.exchange.client import ACCOUNT, PASSWORD

ANNA = "anna.mueller@corp.example"


@pytest.fixture
def account(
    simulator: ExchangeSimulator, authority: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file(tmp_path)))
    configuration = Configuration(
        credentials=Credentials(ACCOUNT, PASSWORD),
        service_endpoint=simulator.ews_url,
        auth_type=BASIC,
        version=Version(EXCHANGE_2016),
    )
    account = Account(ANNA, config=configuration, autodiscover=False, access_type=IMPERSONATION, default_timezone=UTC)
    yield account
    account.protocol.close()


async def test_it_reads_a_calendar(account: Account, world: World) -> None:
    start, end = world.instant("00:00"), world.instant("00:00", 2)

    def read() -> list[tuple[object, ...]]:
        view = account.calendar.view(start=EWSDateTime.from_datetime(start), end=EWSDateTime.from_datetime(end))
        return [(item.subject, item.start, item.end) for item in view]

    expected = [(item.subject, item.start, item.end) for item in world.occurrences(ANNA, start, end)]
    assert await asyncio.to_thread(read) == expected
    assert expected


async def test_it_resolves_names(account: Account) -> None:
    def resolve() -> list[str]:
        return [mailbox.email_address for mailbox in account.protocol.resolve_names(["Jürgen Groß"])]

    assert await asyncio.to_thread(resolve) == ["juergen.gross@corp.example"]


async def test_it_hears_of_changes(account: Account, world: World) -> None:
    subscribed = threading.Event()

    def listen() -> list[type]:
        identifier = account.calendar.subscribe_to_streaming()
        subscribed.set()
        told = account.calendar.get_streaming_events(identifier, connection_timeout=1, max_notifications_returned=1)
        return [type(event) for notification in told for event in notification.events]

    async with asyncio.TaskGroup() as group:
        listening = group.create_task(asyncio.to_thread(listen))
        await asyncio.to_thread(subscribed.wait, 30)
        world.put(ANNA, world.appointment("new", "20:00-21:00"))
    assert CreatedEvent in listening.result()
