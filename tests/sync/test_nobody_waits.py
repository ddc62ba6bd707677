"""Mailboxes that hang, are throttled, or return garbage delay no others; in virtual time."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.core.users import User
from engine.exchange.ews.source import EwsSource
from engine.settings.model import ExchangeSettings, ExchangeType, PbxSettings, SiteSettings
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Cut, Delay, Effect, Hold, garbage, server_busy
from engine.simulator.world import Person, generate
from engine.sync.calendar_reader import CalendarScheduler
from engine.sync.events import ConnectionLost, Event, SyncContext
from engine.sync.participants import Participant, Participants, Reading
from engine.sync.slow_mailboxes import SLOW_SECONDS
from tests.support.in_process import InProcessExchange
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

pytestmark = pytest.mark.slow

LANES = 8
SECONDS = 0.1
"""What a healthy answer takes."""

TROUBLES: tuple[Effect, ...] = (server_busy(600_000), garbage(), Cut(after=10), Cut())


@dataclass
class Place:
    """Two hundred people, none of whom is watched, and what reads them."""

    server: InProcessExchange
    participants: Participants
    events: list[Event]
    people: tuple[Person, ...]
    calendars: CalendarScheduler = field(init=False)
    awaited: dict[str, Reading | None] = field(default_factory=dict)
    all_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def seconds_until_read(self, people: Collection[Person]) -> float:
        """Have everybody read, and return how long it takes until the last of these people was."""
        for person in self.people:
            self.calendars.resync(person.guid)
        return await self.seconds_until(people)

    async def seconds_until(self, people: Collection[Person]) -> float:
        """Return how long it takes until the last of these people, whose calendars are due, was read."""
        loop = asyncio.get_running_loop()
        begun, before = loop.time(), {person.guid: self.participants[person.guid].reading for person in people}
        self.awaited = {guid: reading for guid, reading in before.items() if reading is self.participants[guid].reading}
        self.all_read.clear()
        await self.all_read.wait()
        return loop.time() - begun

    def changed(self, guid: str) -> None:
        if self.awaited.get(guid, self.participants[guid].reading) is not self.participants[guid].reading:
            del self.awaited[guid]
        if not self.awaited:
            self.all_read.set()

    def affect(self, effect: Effect, people: Collection[Person]) -> None:
        for person in people:
            self.server.faults.add(effect, operation="FindItem", mailbox=person.mailbox or "")


def in_place(main: Callable[[Place], object], people: int = 200) -> None:
    async def placed() -> None:
        clock = VirtualClock()
        world = generate(people, 0, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
        server = InProcessExchange(world, clock, Behaviour(subscriptions_per_mailbox=0), seconds=SECONDS)
        settings = SiteSettings(
            pbx=PbxSettings(master="m"),
            exchange=ExchangeSettings(
                type=ExchangeType.ON_PREMISES,
                user="svc@corp.example",
                ews_url="https://mail.corp.example/EWS/Exchange.asmx",
                connections=LANES,
                poll_seconds=3600,
            ),
        )
        source = EwsSource(
            settings.exchange, with_subjects=True, exception_organizer=None, http=server, clock=clock, random=Random(3)
        )
        events: list[Event] = []
        participants = {
            each.guid: Participant(User(guid=each.guid, name=each.name, display_name=""), (each.mailbox or "",))
            for each in world.people
        }
        context = SyncContext(
            clock=clock, network_clock=clock, random=Random(5), observe=events.append, finished=lambda: None
        )
        place = Place(server, participants, events, world.people)
        place.calendars = calendars = CalendarScheduler(
            participants, source, settings, context, changed=place.changed, shows_something=lambda guid: False
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(calendars.run())
            await place.seconds_until_read(world.people)
            await main(place)  # type: ignore[misc]
            task.cancel()

    run_in_virtual_time(placed())


def test_nobody_waits_for_others() -> None:
    async def sweeps(place: Place) -> None:
        # Fifty in trouble: more that hang than there are lanes.
        people = Random(11).sample(place.people, len(place.people))
        hanging, broken, healthy = people[:10], people[10:50], people[50:]
        without = await place.seconds_until_read(healthy)
        place.affect(Hold(), hanging)
        for index, person in enumerate(broken):
            place.affect(TROUBLES[index % len(TROUBLES)], [person])
        took = [await place.seconds_until_read(healthy) for _ in range(4)]
        # Until it is known who hangs, each of them costs a moment; from then on nothing.
        assert max(took[:2]) < 2 * without + 2 * SLOW_SECONDS, (took, without)
        assert max(took[2:]) < 2 * without + 1, (took, without)
        assert [each for each in place.events if isinstance(each, ConnectionLost)] == []

    in_place(sweeps)


@pytest.mark.parametrize("seconds", [2, 12, 30])
def test_an_exchange_that_becomes_slow_for_all_is_read_as_fast_as_it_answers(seconds: float) -> None:
    async def sweeps(place: Place) -> None:
        place.affect(Delay(seconds), place.people)
        as_fast_as_can_be = len(place.people) * (seconds + SECONDS) / LANES
        took = [await place.seconds_until_read(place.people) for _ in range(3)]
        assert max(took) < 1.5 * as_fast_as_can_be + 5 * seconds, (took, as_fast_as_can_be)
        assert took[-1] < 1.1 * as_fast_as_can_be + seconds, (took, as_fast_as_can_be)

    in_place(sweeps, people=64)


def test_who_was_slow_and_is_quick_again_waits_no_longer() -> None:
    async def sweeps(place: Place) -> None:
        hanging, healthy = place.people[:10], place.people[10:]
        without = await place.seconds_until_read(place.people)
        place.affect(Hold(), hanging)
        await place.seconds_until_read(healthy)
        place.server.faults.clear()
        # Who hangs still has the minute that an answer may take; the others wait for these two.
        await place.seconds_until_read(place.people)
        assert await place.seconds_until_read(place.people) < 1.5 * without

    in_place(sweeps, people=64)


def test_who_is_new_or_requested_is_read_before_all_that_are_merely_due() -> None:
    async def a_queue(place: Place) -> None:
        requested, *others, new = place.people
        for person in others:
            place.calendars.arrived(person.guid)
        place.calendars.everybody_is_known()
        place.calendars.resync(requested.guid)
        place.calendars.arrived(new.guid)
        assert await place.seconds_until([requested, new]) < 3 * SECONDS
        assert await place.seconds_until(others) > 5 * SECONDS

    in_place(a_queue, people=64)
