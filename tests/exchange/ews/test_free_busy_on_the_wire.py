"""Free/busy of many mailboxes on the simulated server: one request for a hundred, without impersonation."""

import asyncio
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Appointment
from engine.exchange.errors import (
    CalendarNotReadable,
    ExchangeFailure,
    MailboxNotFound,
    NotUnderstood,
    ServiceAccountBusy,
)
from engine.exchange.ews.client import EwsClient
from engine.exchange.ews.readers import FreeBusyReader
from engine.exchange.ews.soap import Impersonation
from engine.exchange.ews.throttle import Throttle
from engine.exchange.source import Mailbox, Window
from engine.settings.model import Mode
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.faults import garbage, server_busy
from engine.simulator.world import Person, Response, World, generate
from tests.exchange.ews.conftest import OpenSource
from tests.exchange.ews.wire import CLOSING, NAMESPACES, OPENING, Answer, PlayedHttp, Request
from tests.support.clock import ManualClock
from tests.support.idle_time import pauses_pass_quickly
from tests.support.quiescence import quiescence

OPERATION = "GetUserAvailabilityRequest"


@pytest.fixture
def world() -> World:
    return generate(250, 5, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))


def hours(world: World) -> Window:
    return Window(world.instant("08:00"), world.instant("11:00"))


def times(appointments: tuple[Appointment, ...]) -> list[tuple[object, ...]]:
    return sorted((each.start, each.end, each.show_as) for each in appointments)


async def read_all(exchange: ExchangeSimulator, open_source: OpenSource, world: World) -> list[object]:
    async with open_source(exchange, mode=Mode.FREE_BUSY, clock=pauses_pass_quickly()) as source:
        reads = (
            source.read_window(Mailbox(person.mailbox or "", exchange.ews_url), hours(world)) for person in world.people
        )
        return await asyncio.gather(*reads, return_exceptions=True)


async def test_a_hundred_mailboxes_are_one_request_and_nobody_is_impersonated(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    found = await read_all(exchange, open_source, world)
    window = hours(world)
    for person, appointments in zip(world.people, found, strict=True):
        assert isinstance(appointments, tuple)
        truth = world.as_appointments(person.mailbox or "", window.start, window.end)
        assert truth
        assert times(appointments) == times(truth)
        assert {each.subject for each in appointments} == {""}
    records = exchange.ledger.records(operation=OPERATION)
    assert len(records) == 3
    assert {record.mailbox for record in records} == {""}
    assert all(b"Detailed" not in record.body for record in records)
    assert exchange.ledger.complaints == []


async def test_each_gets_its_own_window_though_the_request_covers_all(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    early = Window(world.instant("07:00"), world.instant("07:30"))
    late = Window(world.instant("08:30"), world.instant("09:00"))
    mailbox = Mailbox(world.people[0].mailbox or "", exchange.ews_url)
    async with open_source(exchange, mode=Mode.FREE_BUSY, clock=pauses_pass_quickly()) as source:
        assert source.reads_at_once == 800
        source.share_with(3)
        assert source.reads_at_once == 200, "two of eight connections for one of three engines"
        source.share_with(1)
        found = await asyncio.gather(source.read_window(mailbox, early), source.read_window(mailbox, late))
    for appointments, window in zip(found, (early, late), strict=True):
        assert times(appointments) == times(world.as_appointments(mailbox.address, window.start, window.end))
    assert len(exchange.ledger.records(operation=OPERATION)) == 1


async def test_a_declined_or_cancelled_meeting_takes_no_time(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    mailbox = world.people[0].mailbox or ""
    world.clear(mailbox)
    world.put(mailbox, world.appointment("no", "09:00-10:00", response=Response.DECLINE))
    found = await read_all(exchange, open_source, world)
    assert isinstance(found[0], tuple)
    assert [each.show_as for each in found[0]] == ["free"]


async def test_trouble_of_one_mailbox_is_its_own(
    authority: CertificateAuthority, world: World, open_source: OpenSource
) -> None:
    unknown = Person(name="gone", display_name="Gone", mailbox="gone@elsewhere.example")
    hidden = Person(name="h", display_name="Hidden", mailbox="h@corp.example", shares_free_busy=False)
    people = World(world.day, world.zone, [*world.people[:5], hidden])
    async with ExchangeSimulator(people, authority=authority, keep_bodies=True) as exchange:
        found = await read_all(exchange, open_source, World(world.day, world.zone, [*people.people, unknown]))
    assert [type(each) for each in found[:5]] == [tuple] * 5
    assert isinstance(found[5], CalendarNotReadable)
    assert isinstance(found[6], MailboxNotFound)


async def test_a_throttled_service_account_is_told_to_all_who_wait(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    exchange.faults.add(server_busy(9000), operation=OPERATION)
    found = await read_all(exchange, open_source, world)
    assert {type(each) for each in found} == {ServiceAccountBusy}
    assert len(exchange.ledger.records(operation=OPERATION)) <= 3


async def test_garbage_for_everybody_ends(world: World, exchange: ExchangeSimulator, open_source: OpenSource) -> None:
    exchange.faults.add(garbage(), operation=OPERATION)
    found = await read_all(exchange, open_source, generate(10, 1, world.day, world.zone))
    assert {type(each) for each in found} == {NotUnderstood}
    assert len(exchange.ledger.records(operation=OPERATION)) == 19


async def test_one_mailbox_that_spoils_the_request_is_found_and_left_alone() -> None:
    def play(request: Request) -> Answer | ExchangeFailure:
        if "spoiler@" in request.body:
            return Answer(500, b"<html>Server Error in '/EWS' Application</html>")
        count = request.body.count("<t:MailboxData>")
        told = (
            '<m:FreeBusyResponse><m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
            "</m:ResponseMessage><m:FreeBusyView><t:FreeBusyViewType>FreeBusy</t:FreeBusyViewType></m:FreeBusyView>"
            "</m:FreeBusyResponse>"
        )
        return Answer(200, availability(told * count))

    http, clock = PlayedHttp(play), ManualClock()
    reader = FreeBusyReader(EwsClient(http, "", Throttle(8, clock, Random(1))), clock)
    window = Window(clock.now(), clock.now() + timedelta(hours=1))
    addresses = [f"user{number}@example.com" for number in range(63)] + ["spoiler@example.com"]
    reads = asyncio.gather(
        *(reader.read("https://mail.example.com/", Impersonation(address), window) for address in addresses),
        return_exceptions=True,
    )
    await quiescence()
    await clock.advance(1)
    *good, spoiler = await reads
    assert good == [()] * 63
    assert isinstance(spoiler, ExchangeFailure)
    assert len(http.requests) == 1 + 2 * 6


def availability(responses: str) -> bytes:
    array = f"<m:FreeBusyResponseArray>{responses}</m:FreeBusyResponseArray>"
    return (
        f"{OPENING}<m:GetUserAvailabilityResponse{NAMESPACES}>{array}</m:GetUserAvailabilityResponse>{CLOSING}"
    ).encode()


async def test_a_mistake_reaches_everybody_who_waits_for_the_same_answer(world: World) -> None:
    """A reading that is cancelled instead is never tried again, since nobody but the engine cancels one."""

    class Mistaken(PlayedHttp):
        async def post(self, *_: object, **__: object) -> Answer:
            raise RuntimeError("a mistake")

    client = EwsClient(Mistaken(lambda request: Answer()), "", Throttle(4, ManualClock(), Random(1)))
    reader = FreeBusyReader(client, pauses_pass_quickly())
    window = hours(world)
    reads = (reader.read("https://x.example/", Impersonation(f"{name}@corp.example"), window) for name in "abc")
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RuntimeError] * 3
