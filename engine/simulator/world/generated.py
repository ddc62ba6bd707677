"""Worlds of any size, for benchmarks and load tests; plain, but with everything in them that costs a reader time."""

from datetime import date
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.core.appointments import ShowAs
from engine.simulator.world.items import CalendarItem, Correspondent
from engine.simulator.world.model import World
from engine.simulator.world.people import Person

FIRST_QUARTER = 7 * 4
QUARTERS_PER_DAY = 11 * 4
SHOWN_AS = (ShowAs.BUSY, ShowAs.BUSY, ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE, ShowAs.FREE)


def generate(people: int, appointments: int, day: date, zone: ZoneInfo, domain: str = "corp.example") -> World:
    """Return a world of that many people, each with that many appointments of half an hour in the days from `day` on.

    A day holds 22 of them; what does not fit goes to the days after. Odd and even people differ by a quarter of an
    hour. The same arguments always give the same world.
    """
    owners = [_person(number, domain) for number in range(people)]
    world = World(day, zone, owners)
    patterns = [[_appointment(world, index, offset) for index in range(appointments)] for offset in (0, 1)]
    for number, owner in enumerate(owners):
        organizer = Correspondent(owner.display_name, f"{owner.name}@{domain}")
        for index, pattern in enumerate(patterns[number % 2]):
            show_as = SHOWN_AS[(number + index) % len(SHOWN_AS)]
            item = replace(pattern, uid=f"{owner.name}-{index}", show_as=show_as, organizer=organizer)
            world.put(organizer.address, item)
    return world


def _person(number: int, domain: str) -> Person:
    name = f"user{number:05}"
    return Person(name=name, display_name=f"Ürsula Nº {number}", mailbox=f"{name}@{domain}")


def _appointment(world: World, index: int, offset: int) -> CalendarItem:
    day, quarter = divmod(index * 2, QUARTERS_PER_DAY)
    begin = FIRST_QUARTER + quarter + offset
    span = f"{_clock(begin)}-{_clock(begin + 2)}"
    return world.appointment(f"a{index}", span, day=day, subject=f"Besprechung {index} – Grüße aus Köln 🎉")


def _clock(quarters: int) -> str:
    return f"{quarters // 4:02}:{quarters % 4 * 15:02}"
