"""Smaller worlds: most tests need no more than a handful of people, and every calendar costs a dozen requests."""

from collections.abc import Collection
from datetime import date

from engine.simulator.world import World, corp_world

FEW = frozenset(
    {
        "anna.mueller",
        "joerg.schroeder",
        "kweiss",
        "birgitta.lindqvist",
        "empfang",
        "gerd.vorstand",
        "zoe.vandijk",
        "lukasz.wisniewski",
        "juergen.gross",
        "ilona.szoke",
        "siobhan.obrien",
    }
)
"""Whoever has something of their own: other addresses, no mailbox, no right to it, letters that are no others'."""


def some_of(world: World, names: Collection[str] = FEW) -> World:
    """Return a world of these people alone, with their calendars."""
    smaller = World(world.day, world.zone, [each for each in world.people if each.name in names])
    for person in smaller.people:
        for entry in world.entries(person.mailbox) if person.mailbox else ():
            smaller.put(person.mailbox or "", entry)
    return smaller


def few_people(day: date) -> World:
    """Return corp.example around `day` with a few of its people."""
    return some_of(corp_world(day))
