"""The simulated world: people of corp.example and their calendars, shared by all simulators."""

from engine.simulator.world.scenarios import corp_world, generate
from engine.simulator.world.world import (
    CalendarItem,
    Correspondent,
    Edit,
    Entry,
    ItemKind,
    Person,
    Response,
    Series,
    World,
)

__all__ = [
    "CalendarItem",
    "Correspondent",
    "Edit",
    "Entry",
    "ItemKind",
    "Person",
    "Response",
    "Series",
    "World",
    "corp_world",
    "generate",
]
