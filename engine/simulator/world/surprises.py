"""What nobody had planned: changes of the day at corp.example while it passes, for the demo."""

from collections.abc import AsyncIterator, Iterator

from msgspec.structs import replace

from engine.core.clock import Clock
from engine.simulator.world.items import CalendarItem
from engine.simulator.world.model import World
from engine.simulator.world.people import Person

EXTENDED, CANCELLED, AD_HOC = "09:15", "09:30", "10:05"


async def surprises(world: World, clock: Clock) -> AsyncIterator[str]:
    """Edit the calendars of the corp world at their times of its day, and yield what has happened, in words."""
    await clock.sleep_until(world.instant(EXTENDED))
    for person, item in _holders(world, "Rücksprache Budget"):
        world.put(person.mailbox or "", replace(item, end=world.instant("09:40")))
        yield f'{person.display_name}: "{item.subject}" takes ten minutes longer'

    await clock.sleep_until(world.instant(CANCELLED))
    subject = "Vertriebsrunde Österreich & Schweiz <Q4>"
    for person, item in list(_holders(world, subject)):
        world.remove(person.mailbox or "", item.key)
    yield f'"{subject}" is cancelled'

    await clock.sleep_until(world.instant(AD_HOC))
    person = world.person("zoe.vandijk")
    world.put(person.mailbox or "", world.appointment("ad hoc", "10:00-10:45", subject="Kunde Nord ruft an"))
    yield f"{person.display_name}: an appointment out of the blue"


def _holders(world: World, subject: str) -> Iterator[tuple[Person, CalendarItem]]:
    for person in world.people:
        for entry in world.entries(person.mailbox) if person.mailbox else ():
            if isinstance(entry, CalendarItem) and entry.subject == subject:
                yield person, entry
