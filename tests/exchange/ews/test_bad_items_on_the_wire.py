"""Items that Exchange tells in a way nobody else would: they cost themselves at most, never the calendar."""

from engine.core.appointments import ShowAs
from engine.exchange.source import Mailbox, Window
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import World
from engine.simulator.world.items import Correspondent
from tests.exchange.ews.conftest import OpenSource

ANNA = "anna.mueller@corp.example"


def day(world: World) -> Window:
    return Window(world.instant("00:00"), world.instant("00:00", 1))


async def test_characters_that_xml_cannot_hold_leave_the_calendar_readable(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    host = Correspondent("Half \ud83c of a pair", "party@corp.example")
    subject = "Party \ud83c\udf89, half \ud83c of it \ufffe\x00"
    party = world.appointment("party", "09:00-10:00", subject=subject, organizer=host, show_as=ShowAs.TENTATIVE)
    world.put(ANNA, party)
    async with open_source(exchange, exception_organizer="party@corp.example") as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))
    assert len(found) == len(world.as_appointments(ANNA, day(world).start, day(world).end))
    (read,) = [each for each in found if each.organizer == "party@corp.example"]
    assert read.subject.strip() == "Party 🎉, half   of it"
