"""Invalid items affect at most themselves, never the calendar."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Oddity, Sensitivity, ShowAs
from engine.core.presence import AppointmentOutcome, PresenceSettings, decide
from engine.exchange.errors import MailboxBusy
from engine.exchange.source import Mailbox, Window
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import ErrorCode
from engine.simulator.world import World
from engine.simulator.world.world import Correspondent, StatedZone
from tests.exchange.ews.conftest import OpenSource, Simulate

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


ITEM_CODES = [
    *("ErrorItemCorrupt", "ErrorCorruptData", "ErrorRecurrenceHasNoOccurrence", "ErrorItemPropertyRequestFailed"),
    *("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
    *(
        "ErrorItemNotFound",
        "ErrorInvalidIdMalformed",
        "ErrorContentConversionFailed",
        "ErrorAccessDenied",
        "ErrorNovel",
    ),
]


@pytest.mark.parametrize("code", ITEM_CODES)
async def test_an_item_that_cannot_be_opened_costs_itself_alone(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, code: str
) -> None:
    boss = Correspondent("Boss", "boss@corp.example")
    world.clear(ANNA)
    tentative: dict[str, Any] = {"organizer": boss, "show_as": ShowAs.TENTATIVE}
    world.put(ANNA, world.appointment("good", "09:00-10:00", subject="good", **tentative))
    world.put(ANNA, world.appointment("bad", "10:00-11:00", subject="bad", get_item_error=code, **tentative))
    world.put(ANNA, world.appointment("busy", "11:00-12:00", subject="busy"))
    async with open_source(exchange, exception_organizer=boss.address) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))
    told = {each.subject: (each.show_as, each.organizer, each.oddities) for each in found}
    said = () if code == "ErrorItemNotFound" else (Oddity.ORGANIZER_UNKNOWN,)
    assert told == {
        "good": (ShowAs.TENTATIVE, boss.address, ()),
        "bad": (ShowAs.TENTATIVE, None, said),
        "busy": (ShowAs.BUSY, None, ()),
    }


async def test_a_pause_that_is_asked_for_is_no_matter_of_one_item(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    fields: dict[str, Any] = {"organizer": Correspondent("Boss", "boss@corp.example"), "show_as": ShowAs.TENTATIVE}
    world.put(ANNA, world.appointment("good", "09:00-10:00", **fields))
    world.put(ANNA, world.appointment("bad", "10:00-11:00", get_item_error="ErrorServerBusy", **fields))
    async with open_source(exchange, exception_organizer="boss@corp.example") as source:
        with pytest.raises(MailboxBusy):
            await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))


@pytest.mark.parametrize("in_fault", [True, False])
@pytest.mark.parametrize("count", [1, 2, 40])
async def test_a_refusal_of_the_whole_question_leaves_the_calendar_as_it_was_found(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, count: int, in_fault: bool
) -> None:
    world.clear(ANNA)
    boss = Correspondent("Boss", "boss@corp.example")
    for number in range(count):
        fields: dict[str, Any] = {"organizer": boss, "show_as": ShowAs.TENTATIVE}
        world.put(ANNA, world.appointment(str(number), "10:00-11:00", subject=str(number), **fields))
    exchange.faults.add(ErrorCode("ErrorItemCorrupt", in_fault=in_fault), operation="GetItem")
    async with open_source(exchange, exception_organizer=boss.address) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))
    assert [each.oddities for each in found] == [(Oddity.ORGANIZER_UNKNOWN,)] * count
    assert exchange.ledger.operations["GetItem"] <= 3


async def test_items_that_nobody_understands_leave_the_others_standing(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    world.clear(ANNA)
    told: dict[str, dict[str, str | None]] = {
        "no start": {"calendar:Start": None},
        "no end": {"calendar:End": "next week"},
        "odd state": {"calendar:LegacyFreeBusyStatus": "Napping"},
        "no sensitivity": {"item:Sensitivity": None},
        "odd sensitivity": {"item:Sensitivity": "TopSecret"},
    }
    for number, (subject, properties) in enumerate(told.items()):
        at = f"{10 + number}:00-{11 + number}:00"
        world.put(ANNA, world.appointment(subject, at, subject=subject, told=properties))
    world.put(ANNA, world.appointment("meeting", "09:00-10:00", subject="meeting"))
    async with open_source(exchange) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))
    settings = PresenceSettings(timezone=ZoneInfo("Europe/Berlin"), show_subject=True)
    decision = decide(found, settings, world.instant("09:30"))
    assert decision.presence.note == "Busy: meeting until 10am"
    reasons = {each.subject or each.hidden: each for each in decision.reasons}
    assert reasons["no start"].outcome is reasons["no end"].outcome is AppointmentOutcome.LEFT_OUT
    assert reasons["no start"].words == ("left out: its start or end is unknown; odd: it has no readable start or end")
    assert reasons["odd state"].oddities == (Oddity.UNKNOWN_SHOW_AS,)
    assert reasons["no sensitivity"].oddities == ()
    assert reasons["unknown sensitivity"].oddities == (Oddity.UNKNOWN_SENSITIVITY,)
    assert {each.sensitivity for each in found if each.subject == "no sensitivity"} == {Sensitivity.NORMAL}


async def test_a_server_that_never_says_that_all_is_there_is_asked_once(
    world: World, simulate: Simulate, open_source: OpenSource
) -> None:
    async with simulate(Behaviour(tells_completeness=False)) as exchange, open_source(exchange) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), day(world))
        assert len(found) == len(world.as_appointments(ANNA, day(world).start, day(world).end))
        assert exchange.ledger.operations["FindItem"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("site", "told"),
    [
        ("Europe/Berlin", StatedZone("UTC")),
        ("Europe/Berlin", StatedZone("tzone://Microsoft/Utc")),
        ("Europe/Berlin", StatedZone("Pacific Standard Time")),
        ("Europe/Berlin", StatedZone("Pacific Standard Time", rules="America/Los_Angeles")),
        ("Europe/London", StatedZone("Mitteleurop\xe4ische Zeit", rules="Europe/Berlin")),
        ("Europe/London", StatedZone("Customized Time Zone", rules="Europe/Berlin")),
        ("Europe/London", StatedZone("UTC", rules="Europe/Berlin")),
        ("America/Los_Angeles", StatedZone("tzone://Microsoft/Custom", rules="Europe/Berlin")),
        ("Pacific/Auckland", StatedZone("W. Europe Standard Time", rules="Europe/Berlin")),
        ("Pacific/Auckland", StatedZone("W. Europe Standard Time")),
        ("Europe/London", StatedZone("Mitteleurop\xe4ische Zeit")),
        ("Europe/London", StatedZone("")),
    ],
)
async def test_a_whole_day_is_the_day_it_was_meant_as(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, site: str, told: StatedZone
) -> None:
    world.clear(ANNA)
    day_off = world.whole_days("off", day=2, subject="off", show_as=ShowAs.OOF, stated_zone=told)
    assert (day_off.start, day_off.end) == (datetime(2026, 3, 3, 23, tzinfo=UTC), datetime(2026, 3, 4, 23, tzinfo=UTC))
    world.put(ANNA, day_off)
    window = Window(world.instant("00:00", -1), world.instant("00:00", 7))
    async with open_source(exchange) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), window)
    settings = PresenceSettings(timezone=ZoneInfo(site), show_subject=True)
    (reason,) = decide(found, settings, window.start).reasons
    local = reason.start.astimezone(settings.timezone)
    assert (local.date().isoformat(), local.hour) == ("2026-03-04", 0)
    assert exchange.ledger.complaints == []


CORRUPT_CODES = [
    *("ErrorItemCorrupt", "ErrorCorruptData", "ErrorRecurrenceHasNoOccurrence", "ErrorContentConversionFailed"),
    *("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
    *("ErrorCalendarInvalidRecurrence", "ErrorCalendarInvalidPropertyValue", "ErrorCalendarInvalidTimeZone"),
]


@pytest.mark.parametrize("code", CORRUPT_CODES)
async def test_an_item_for_which_all_others_are_refused_costs_a_stretch_of_time_alone(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, code: str
) -> None:
    world.clear(ANNA)
    world.put(ANNA, world.appointment("before", "09:00-10:00", subject="before"))
    world.put(ANNA, world.appointment("bad", "10:00-10:30", subject="bad", find_item_error=code))
    world.put(ANNA, world.appointment("after", "10:30-11:30", subject="after"))
    async with open_source(exchange) as source:
        mailbox = Mailbox(ANNA, exchange.ews_url)
        found = await source.read_window(mailbox, day(world))
        assert {each.subject for each in found if each.is_understood} == {"before", "after"}
        (odd,) = [each for each in found if not each.is_understood]
        assert odd.oddities == (Oddity.STRETCH_UNREADABLE,)
        assert world.instant("09:30") <= odd.start <= world.instant("10:00")
        assert world.instant("10:30") <= odd.end <= world.instant("11:00")
        (reason,) = [
            each
            for each in decide(
                found, PresenceSettings(timezone=ZoneInfo("Europe/Berlin")), world.instant("10:15")
            ).reasons
            if each.oddities
        ]
        assert reason.outcome is AppointmentOutcome.LEFT_OUT
        asked = len(exchange.ledger.records(operation="FindItem"))
        assert asked <= 25
        await source.read_window(mailbox, day(world))
        assert len(exchange.ledger.records(operation="FindItem")) == asked + 3
        world.clear(ANNA)
        assert await source.read_window(mailbox, day(world)) == ()
