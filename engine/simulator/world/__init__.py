"""Who works at corp.example and what their day looks like: the one truth both simulators tell."""

from engine.simulator.world.corp import corp_world
from engine.simulator.world.generated import generate
from engine.simulator.world.items import CalendarItem, Correspondent, Entry, ItemKind, Response, Series
from engine.simulator.world.model import Edit, World
from engine.simulator.world.people import Person

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
