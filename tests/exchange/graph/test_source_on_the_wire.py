"""The source on the simulated Graph, over real sockets: it finds exactly what is in the calendars."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import PresenceSettings, decide
from engine.exchange.errors import MailboxBusy
from engine.exchange.graph.batch import PARTS
from engine.exchange.source import Mailbox, Window
from engine.settings.model import Mode
from engine.simulator.faults import Cut, NextLink, ODataError, PagesOverlap
from engine.simulator.world import Response, World, generate
from tests.exchange.graph.conftest import Cloud, OpenCloud

ANNA = "anna.mueller@corp.example"


def week(world: World) -> Window:
    return Window(world.instant("00:00"), world.instant("00:00", 7))


def mailbox_of(cloud: Cloud, address: str) -> Mailbox:
    return Mailbox(address, f"{cloud.graph.url}/v1.0/users/{address}")


def readable(world: World) -> list[str]:
    return [person.mailbox for person in world.people if person.mailbox is not None]


def comparable(appointments: Iterable[Appointment]) -> list[Appointment]:
    """In one order and without the ids, which are ours to choose."""
    anonymous = (replace(found, id="", subject=found.subject.strip()) for found in appointments)
    return sorted(anonymous, key=lambda found: (found.start, found.end, found.subject))


def truth(world: World, mailbox: str, window: Window, organizer: bool = False) -> list[Appointment]:
    """What is in the calendar but for what was declined, with the organizers that a source asks for."""
    kept = []
    for item in world.occurrences(mailbox, window.start, window.end):
        if item.response is not Response.DECLINE:
            found = item.as_appointment()
            asked_for = organizer and found.show_as is ShowAs.TENTATIVE
            kept.append(replace(found, organizer=found.organizer if asked_for else None))
    return comparable(kept)


async def test_every_calendar_is_decided_about_as_it_is(world: World, open_cloud: OpenCloud) -> None:
    window = week(world)
    settings = PresenceSettings(timezone=world.zone, show_subject=True)
    async with open_cloud(exception_organizer="hr@corp.example") as cloud:
        addresses = readable(world)
        found = await asyncio.gather(
            *(cloud.source.read_window(mailbox_of(cloud, address), window) for address in addresses)
        )
        for address, appointments in zip(addresses, found, strict=True):
            expected = truth(world, address, window, organizer=True)
            assert len(appointments) == len(expected)
            for hours in range(0, 7 * 24, 5):
                now = window.start + timedelta(hours=hours)
                assert decide(appointments, settings, now) == decide(expected, settings, now), address
        assert cloud.batches == -(-len(addresses) // PARTS)


async def test_a_calendar_is_read_as_it_is(world: World, cloud: Cloud) -> None:
    world.clear(ANNA)
    world.put(ANNA, world.appointment("one", "09:00-10:00", subject="Planning"))
    world.put(ANNA, world.whole_days("two", 2, day=1, subject="Fair"))
    found = await cloud.source.read_window(mailbox_of(cloud, ANNA), week(world))
    assert comparable(found) == truth(world, ANNA, week(world))
    assert cloud.batches == 0, "one request alone is no batch"


async def test_subjects_and_organizers_are_not_even_asked_for_where_nobody_needs_them(
    world: World, open_cloud: OpenCloud
) -> None:
    async with open_cloud(with_subjects=False) as cloud:
        found = await cloud.source.read_window(mailbox_of(cloud, ANNA), week(world))
        assert {each.subject for each in found} == {""}
        [record] = cloud.graph.ledger.records(operation="calendarView")
        assert "subject" not in record.query
        assert "organizer" not in record.query


async def test_a_calendar_of_many_pages(world: World, open_cloud: OpenCloud) -> None:
    world.clear(ANNA)
    for number in range(230):
        world.put(ANNA, world.appointment(f"item {number}", "09:00-10:00"))
    async with open_cloud() as cloud:
        cloud.graph.faults.add(PagesOverlap(), mailbox=ANNA)
        found = await cloud.source.read_window(mailbox_of(cloud, ANNA), week(world))
        assert len(found) == 230
        assert cloud.graph.ledger.operations["calendarView"] == 3


async def test_pages_of_several_calendars_share_their_batches(world: World, cloud: Cloud) -> None:
    addresses = readable(world)[:3]
    for address in addresses:
        for number in range(150):
            world.put(address, world.appointment(f"item {number}", "09:00-10:00"))
    found = await asyncio.gather(
        *(cloud.source.read_window(mailbox_of(cloud, address), week(world)) for address in addresses)
    )
    assert all(len(each) >= 150 for each in found)
    assert cloud.batches == 2


async def test_a_link_elsewhere_gets_no_token(world: World, cloud: Cloud) -> None:
    cloud.graph.faults.add(NextLink("https://localhost:1/v1.0/users/x/calendarView"), mailbox=ANNA)
    with pytest.raises(Exception, match="localhost:1"):
        await cloud.source.read_window(mailbox_of(cloud, ANNA), week(world))


async def test_two_users_of_one_mailbox_are_in_two_requests(world: World, cloud: Cloud) -> None:
    mailbox = mailbox_of(cloud, ANNA)
    found = await asyncio.gather(*(cloud.source.read_window(mailbox, week(world)) for _ in range(3)))
    assert found[0] == found[1] == found[2]
    assert cloud.batches == 0


async def test_what_fails_is_of_its_mailbox_alone(world: World, cloud: Cloud) -> None:
    anna, *others = readable(world)
    cloud.graph.faults.add(ODataError(429, "ApplicationThrottled", headers={"Retry-After": "60"}), mailbox=anna)
    outcomes = await asyncio.gather(
        *(cloud.source.read_window(mailbox_of(cloud, each), week(world)) for each in (anna, *others[:5])),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [MailboxBusy, *[tuple] * 5]
    cloud.graph.faults.clear()
    with pytest.raises(MailboxBusy, match="pause"):
        await cloud.source.read_window(mailbox_of(cloud, anna), week(world))
    asked = cloud.graph.ledger.records(operation="calendarView", mailbox=anna)
    assert len(asked) == 1


async def test_an_answer_that_is_missing_is_of_its_mailbox_alone(world: World, cloud: Cloud) -> None:
    anna, *others = readable(world)
    cloud.graph.faults.add(Cut(), operation="calendarView", mailbox=anna)
    outcomes = await asyncio.gather(
        *(cloud.source.read_window(mailbox_of(cloud, each), week(world)) for each in (anna, *others[:5])),
        return_exceptions=True,
    )
    assert [isinstance(each, tuple) for each in outcomes] == [False, *[True] * 5]
    assert "no answer about" in str(outcomes[0])


async def test_many_calendars_at_once_take_few_requests(world: World, open_cloud: OpenCloud) -> None:
    many = generate(110, 2, world.day, world.zone)
    async with open_cloud(other=many) as cloud:
        addresses = readable(many)
        await asyncio.gather(*(cloud.source.read_window(mailbox_of(cloud, each), week(many)) for each in addresses))
        assert cloud.batches == 110 // PARTS + 1


async def test_free_busy_of_four_hundred_in_one_request(world: World, open_cloud: OpenCloud) -> None:
    async with open_cloud(mode=Mode.FREE_BUSY) as cloud:
        addresses = [each for each in readable(world) if world.owner(each).shares_free_busy]  # type: ignore[union-attr]
        outcomes = await asyncio.gather(
            *(cloud.source.read_window(mailbox_of(cloud, each), week(world)) for each in addresses),
            return_exceptions=True,
        )
        assert all(isinstance(each, tuple) for each in outcomes), outcomes
        assert cloud.graph.ledger.operations["calendarView"] == 0
        groups = -(-len(addresses) // 20)
        assert cloud.graph.ledger.operations["getSchedule"] == groups
        assert cloud.source.reads_at_once == 4 * 400
