"""Who works at corp.example and what their day looks like: the one truth both simulators tell."""

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
