"""A smaller company for tests, since the calendar of every person costs requests."""

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
"""People who differ from each other: by further addresses, no mailbox, no right to read it, letters of the name."""


def few_people(day: date) -> World:
    """Return corp.example around `day` with `FEW` of its people, and their calendars."""
    world = corp_world(day)
    smaller = World(world.day, world.zone, [each for each in world.people if each.name in FEW])
    for person in smaller.people:
        for entry in world.entries(person.mailbox) if person.mailbox else ():
            smaller.put(person.mailbox or "", entry)
    return smaller
