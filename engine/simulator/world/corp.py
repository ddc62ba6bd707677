"""The company the demo and most tests play in: about 25 people with a believable week (the data is corp.toml)."""

from datetime import date
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec

from engine.simulator.world.model import World
from engine.simulator.world.table import Table

BERLIN = ZoneInfo("Europe/Berlin")


def corp_world(day: date, zone: ZoneInfo = BERLIN) -> World:
    """Return corp.example around `day`, the same for the same arguments.

    Appointments lie at the local times of `zone`. What recurs on workdays is missing when `day` is none.
    """
    table = msgspec.toml.decode(files(__package__).joinpath("corp.toml").read_bytes(), type=Table)
    world = World(day, zone, [table.person_of(row) for row in table.person])
    table.fill(world)
    return world
