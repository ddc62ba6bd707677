"""getSchedule: free/busy times of several people, in instants, with an error for each whose times cannot be had."""

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.core.appointments import Sensitivity, ShowAs
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.faults import Hold
from engine.simulator.graph.tenant import Behaviour, Hosting
from engine.simulator.world import Person, Response, World
from tests.simulator.graph.client import ANNA, PlainGraph, code_of, plain_graph, view_part

GERD = "gerd.vorstand@corp.example"
JOERG = "joerg.schroeder@corp.example"
PATH = f"/users/{ANNA}/calendar/getSchedule"
DAY = ("2026-03-02T08:00:00", "2026-03-02T12:00:00")


def asked(*addresses: str, window: tuple[str, str] = DAY, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    start, end = ({"dateTime": text, "timeZone": zone} for text in window)
    return {"schedules": addresses or (ANNA,), "startTime": start, "endTime": end} | more


async def ask(cloud: PlainGraph, *addresses: str, prefer: str = 'outlook.timezone="UTC"', **more: Any) -> Any:
    response = await cloud.post(PATH, asked(*addresses, **more), prefer=prefer)
    return {each["scheduleId"]: each for each in response.raise_for_status().json()["value"]}


async def test_appointments_are_intervals_with_a_state(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    items: dict[str, dict[str, Any]] = {
        "09:00-10:00": {"subject": "Team", "location": "Zuse"},
        "10:00-10:30": {"show_as": ShowAs.TENTATIVE, "sensitivity": Sensitivity.PRIVATE, "subject": "Arzt"},
        "11:00-11:30": {"show_as": ShowAs.WORKING_ELSEWHERE},
        "11:30-12:00": {"show_as": ShowAs.OOF},
        "12:00-12:30": {"cancelled": True},
        "12:30-13:00": {"response": Response.DECLINE},
    }
    for at, fields in items.items():
        cloud.world.put(ANNA, cloud.world.appointment(at, at, **fields))
    schedule = (await ask(cloud))[ANNA]
    found = [(item["start"]["dateTime"][11:16], item["status"]) for item in schedule["scheduleItems"]]
    assert found == [
        *(("08:00", "busy"), ("09:00", "tentative"), ("10:00", "workingElsewhere"), ("10:30", "oof")),
        *(("11:00", "free"), ("11:30", "free")),
    ]
    team, private, *_ = schedule["scheduleItems"]
    assert (team["isPrivate"], team["subject"], team["location"]) == (False, "Team", "Zuse")
    assert (private["isPrivate"], "subject" in private) == (True, False)
    assert schedule["availabilityView"] == "22104300"
    assert schedule["workingHours"]["timeZone"] == {"name": "W. Europe Standard Time"}
    assert cloud.graph.ledger.complaints == []


async def test_a_whole_day_is_two_instants_and_nothing_says_what_it_is(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.whole_days("off", show_as=ShowAs.OOF))
    (item,) = (await ask(cloud))[ANNA]["scheduleItems"]
    assert item["start"] == {"dateTime": "2026-03-01T23:00:00.0000000", "timeZone": "UTC"}
    assert item["end"] == {"dateTime": "2026-03-02T23:00:00.0000000", "timeZone": "UTC"}
    assert "isAllDay" not in item
    (item,) = (await ask(cloud, prefer='outlook.timezone="Asia/Tokyo"'))[ANNA]["scheduleItems"]
    assert item["start"] == {"dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "Asia/Tokyo"}


async def test_the_window_is_in_the_zone_that_it_names(cloud: PlainGraph) -> None:
    cloud.world.clear(ANNA)
    cloud.world.put(ANNA, cloud.world.appointment("a", "09:00-10:00"))
    for zone, found in [("UTC", 0), ("W. Europe Standard Time", 1), ("Europe/Berlin", 1)]:
        window = ("2026-03-02T09:00:00", "2026-03-02T10:00:00")
        schedule = (await ask(cloud, window=window, zone=zone, availabilityViewInterval=15))[ANNA]
        assert len(schedule["scheduleItems"]) == found
        assert schedule["availabilityView"] == "2222" if found else "0000"


async def test_each_address_has_an_answer_or_an_error_of_its_own(world: World, authority: CertificateAuthority) -> None:
    changes: dict[str, dict[str, Any]] = {
        "joerg.schroeder": {"free_busy_refusal": "ErrorMailRecipientNotFound"},
        "margit.hofer": {"shares_free_busy": False},
    }
    changed = [replace(person, **changes.get(person.name, {})) for person in world.people]
    async with plain_graph(World(world.day, world.zone, changed), authority) as cloud:
        cloud.tenant.change("zoe.vandijk", hosting=Hosting.ON_PREMISES)
        addresses = {
            "nobody@corp.example": "5009",
            "empfang@corp.example": "5009",
            cloud.tenant.account("anna.mueller").id: "ErrorInvalidSmtpAddress",
            JOERG: "ErrorMailRecipientNotFound",
            "margit.hofer@corp.example": "ErrorNoFreeBusyAccess",
            "zoe.vandijk@corp.example": "ErrorProxyRequestProcessingFailed",
            "kw@corp.example": "",
            GERD: "",
            ANNA: "",
        }
        schedules = await ask(cloud, *addresses)
        found = {key: each["error"]["responseCode"] if "error" in each else "" for key, each in schedules.items()}
        assert found == addresses
        assert cloud.checked.findings == []


async def test_too_many_entries_are_an_error_of_that_schedule(authority: CertificateAuthority) -> None:
    world = World(date(2026, 3, 2), ZoneInfo("Europe/Berlin"), [Person(name="anna", display_name="A", mailbox=ANNA)])
    for number in range(1001):
        world.put(ANNA, world.appointment(str(number), "09:00-10:00"))
    async with plain_graph(world, authority) as cloud:
        assert (await ask(cloud))[ANNA]["error"]["responseCode"] == "5006"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schedules": []}, "BadRequest"),
        ({"schedules": [1]}, "BadRequest"),
        ({"schedules": [ANNA] * 21}, "ErrorMailboxDataArrayTooBig"),
        ({"availabilityViewInterval": 4}, "ErrorInvalidMergedFreeBusyInterval"),
        ({"availabilityViewInterval": "30"}, "ErrorInvalidMergedFreeBusyInterval"),
        ({"endTime": {"dateTime": DAY[0], "timeZone": "UTC"}}, "ErrorInvalidTimeInterval"),
        ({"endTime": {"dateTime": "2026-05-03T08:00:00", "timeZone": "UTC"}}, "ErrorTimeIntervalTooBig"),
        ({"endTime": {"dateTime": "2026-03-03T08:00:00Z", "timeZone": "UTC"}}, "BadRequest"),
        ({"endTime": {"dateTime": "soon", "timeZone": "UTC"}}, "ErrorInvalidParameter"),
        ({"endTime": {"dateTime": "2026-03-03T08:00:00", "timeZone": "Nowhere"}}, "TimeZoneNotSupportedException"),
        ({"endTime": {"dateTime": "9999-12-31T00:00:00", "timeZone": "UTC"}}, "ErrorInvalidParameter"),
        ({"endTime": None}, "ErrorInvalidParameter"),
    ],
)
async def test_a_wrong_argument_refuses_everything(cloud: PlainGraph, change: dict[str, Any], code: str) -> None:
    response = await cloud.post(PATH, asked() | change)
    assert (response.status_code, code_of(response)) == (400, code)


async def test_null_as_interval_is_too_much_for_it(cloud: PlainGraph) -> None:
    assert (await cloud.post(PATH, asked(availabilityViewInterval=None))).status_code == 500


async def test_it_is_posted(cloud: PlainGraph) -> None:
    assert (await cloud.get(PATH)).status_code == 405


async def test_the_one_who_asks_has_to_be_readable_and_the_scope_may_limit_the_others_too(
    world: World, authority: CertificateAuthority
) -> None:
    async with plain_graph(world, authority, roles=()) as cloud:
        cloud.tenant.scoped_role = True
        assert "error" not in (await ask(cloud, GERD))[GERD]
        response = await cloud.post(f"/users/{GERD}/calendar/getSchedule", asked())
        assert (response.status_code, code_of(response)) == (403, "ErrorAccessDenied")
        cloud.tenant.behaviour = Behaviour(scope_limits_schedules=True)
        assert (await ask(cloud, GERD, ANNA))[GERD]["error"]["responseCode"] == "ErrorAccessDenied"


async def test_subjects_may_be_hidden(world: World, authority: CertificateAuthority) -> None:
    async with plain_graph(world, authority, behaviour=Behaviour(schedules_tell_subjects=False)) as cloud:
        items = (await ask(cloud))[ANNA]["scheduleItems"]
        assert {frozenset(item) for item in items} == {frozenset({"status", "start", "end"})}


async def test_the_limit_is_that_of_the_one_who_asks(cloud: PlainGraph) -> None:
    cloud.graph.faults.add(Hold(), mailbox=JOERG)
    assert JOERG in await ask(cloud, JOERG)
    part = {"method": "POST", "url": PATH, "headers": {"Content-Type": "application/json"}, "body": asked(JOERG)}
    answers = await cloud.batch(*({"id": str(number), **part} for number in range(4)), view_part("own"))
    assert {name: each["status"] for name, each in answers.items()}["own"] == 429
