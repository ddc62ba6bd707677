"""A change that would clear more than half of all presences is held until confirmed, whatever its cause."""

import re
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from msgspec.structs import replace

from engine.core.presence.model import CLEARED, Presence
from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.command import command
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service
from tests.support.tui import terminal

pytestmark = pytest.mark.slow

EVERYBODY_IS_FREE = {f"presence.mapping.{kind}": "ignore" for kind in ("busy", "tentative", "oof", "working_elsewhere")}


def shown(company: Company) -> dict[str, Presence]:
    return {each.guid: company.pbx.calendar_presence(each.guid) for each in company.world.people}


async def held(served: ServedService) -> dict[str, int] | None:
    await served.settled()
    found: dict[str, int] | None = (await served.get("/v1/status"))["held"]
    return found


async def confirm(served: ServedService) -> int:
    status, _ = await served.ask("POST", "/v1/hold/confirm")
    await served.settled()
    return status


@pytest.mark.parametrize(
    "changes",
    [
        {"pbx.users.exclude.names": ["*"]},
        {"pbx.users.include.groups": ["nobody is in this one"]},
        {"pbx.users.include.locations": ["nowhere"]},
    ],
    ids=["names", "groups", "locations"],
)
async def test_a_change_of_who_takes_part_is_held_over_a_restart_and_confirmed(
    company: Company, clock: ManualClock, tmp_path: Path, changes: dict[str, Any]
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = shown(company)
        await served.change(changes)
        numbers = await held(served)
        assert numbers is not None
        assert numbers["users"] == numbers["of_users"] > 20
        assert numbers["presences"] == numbers["of_presences"]
        assert "clearing-held" in await served.concerns()
        assert shown(company) == before
    async with running_service(company, clock, tmp_path, None) as served:
        assert await held(served) == numbers
        assert shown(company) == before
        assert await confirm(served) == 200
        assert set(shown(company).values()) == {CLEARED}
        assert await held(served) is None
        assert "nobody-takes-part" in await served.concerns()
        assert await confirm(served) == 200
        assert (await served.get("/v1/audit"))["entries"][0]["action"] == "confirm_hold"


async def test_what_is_held_goes_on_as_before_and_is_taken_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"pbx.users.exclude.names": ["*"]})
        assert await held(served) is not None
        await clock.advance(3 * 3600)
        await served.settled()
        later = shown(company)
        await served.ask("POST", "/v1/settings/rollback")
        assert await held(served) is None
        assert shown(company) == later
        assert any(each != CLEARED for each in later.values())


async def test_a_change_of_what_is_shown_is_held(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = shown(company)
        await served.change(EVERYBODY_IS_FREE)
        numbers = await held(served)
        assert numbers is not None
        assert 2 * numbers["users"] > numbers["of_users"]
        cleared = {guid for guid, each in shown(company).items() if each == CLEARED != before[guid]}
        assert cleared == set()
        await served.change({"presence.language": "de"})
        assert await held(served) is not None
        assert await confirm(served) == 200
        assert sum(each == CLEARED for each in shown(company).values()) > len(before) // 2


async def test_a_change_of_what_is_shown_is_held_over_a_restart(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = shown(company)
        await served.change(EVERYBODY_IS_FREE)
        numbers = await held(served)
        assert numbers is not None
    async with running_service(company, clock, tmp_path, None) as served:
        assert await held(served) == numbers
        assert {guid for guid, each in shown(company).items() if each == CLEARED != before[guid]} == set()
        assert await confirm(served) == 200
        assert sum(each == CLEARED for each in shown(company).values()) > len(before) // 2
        cleared = shown(company)
    async with running_service(company, clock, tmp_path, None) as served:
        assert await held(served) is None
        assert shown(company) == cleared


async def test_an_edit_made_while_the_engine_was_stopped_is_held_and_taken_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before, text = shown(company), served.file.read_text()
        await served.change(EVERYBODY_IS_FREE)
        edited = served.file.read_text()
        await served.ask("POST", "/v1/settings/rollback")
        assert await held(served) is None
    served.file.write_text(edited)
    async with running_service(company, clock, tmp_path, None) as served:
        assert await held(served) is not None
        assert shown(company) == before
        served.file.write_text(text)
        served.service.look_soon()
        await eventually(lambda: served.service.current.status().held is None)
        await served.settled()
        assert shown(company) == before


async def test_a_change_that_begins_another_engine_is_held(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before, engine = shown(company), served.service.current.engine
        await served.change(EVERYBODY_IS_FREE | {"exchange.connections": 3})
        await eventually(lambda: served.service.current.engine not in (None, engine))
        assert await held(served) is not None
        assert shown(company) == before


async def test_few_may_leave_without_a_question(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"pbx.users.exclude.names": ["anna.*"]})
        assert await held(served) is None
        assert company.pbx.calendar_presence(company.world.person("anna.mueller").guid) == CLEARED


@pytest.mark.parametrize("at_once", [True, False], ids=["empty copy", "one by one"])
async def test_a_pbx_that_has_lost_its_users_clears_nobody(
    company: Company, clock: ManualClock, tmp_path: Path, at_once: bool
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = shown(company)
        people = company.world.people
        writes = len(company.pbx.ledger.writes)
        if at_once:
            await company.pbx.stop()
        for person in people:
            company.pbx.delete_user(person.guid)
        if at_once:
            await company.pbx.start()
        await eventually(lambda: served.service.current.status().held is not None)
        found = await held(served)
        assert found is not None
        assert found["users"] == found["of_users"] > 20
        assert [each for each in company.pbx.ledger.writes[writes:] if not (each.activity or each.note)] == []
        assert before


@pytest.mark.parametrize("at_once", [True, False], ids=["over a new link", "one by one"])
async def test_a_pbx_that_has_lost_what_users_are_chosen_by_clears_nobody(
    company: Company, clock: ManualClock, tmp_path: Path, at_once: bool
) -> None:
    users = [
        replace(user, **(({"groups": ("all",)}, {"node": "office"}, {"config": "staff"})[number % 3]))
        for number, user in enumerate(company.pbx.users)
    ]
    for user in users:
        company.pbx.update_user(user)
    chosen = {"groups": ["all"], "nodes": ["office"], "templates": ["staff"]}
    settings = company.settings(pbx={"users": {"include": chosen}})
    async with running_service(company, clock, tmp_path, settings) as served:
        await served.settled()
        before = shown(company)
        assert any(each != CLEARED for each in before.values())
        if at_once:
            await company.pbx.stop()
        for user in users:
            company.pbx.update_user(replace(user, groups=(), node="root", config=""))
        if at_once:
            await company.pbx.start()
        await eventually(lambda: served.service.current.status().held is not None)
        found = await held(served)
        assert found is not None
        assert found["users"] == found["of_users"] > 20
        assert shown(company) == before
        for user in users:
            company.pbx.update_user(user)
        await eventually(lambda: served.service.current.status().held is None)
        await served.settled()
        assert shown(company) == before


async def test_what_was_confirmed_is_not_held_again_by_a_restart_in_the_middle(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = {guid for guid, each in shown(company).items() if each != CLEARED}
        await served.change({"pbx.users.exclude.names": ["*"], "pbx.writes_per_second": 0.2})
        assert await held(served) is not None
        status, _ = await served.ask("POST", "/v1/hold/confirm")
        assert status == 200
        await eventually(lambda: CLEARED in {shown(company)[guid] for guid in before})
    left = {guid for guid, each in shown(company).items() if each != CLEARED}
    assert 0 < len(left) < len(before)
    quick = tomlkit.parse((tmp_path / "etc" / "calendar-engine.toml").read_text())
    quick["pbx"]["writes_per_second"] = 50
    async with running_service(company, clock, tmp_path, tomlkit.dumps(quick)) as served:
        await served.settled()
        assert await held(served) is None
        assert set(shown(company).values()) == {CLEARED}


@pytest.mark.process
async def test_it_is_said_and_confirmed_by_command_and_by_key(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"pbx.users.exclude.names": ["*"]})
        assert await held(served) is not None
        told = await command("hold", "--socket", str(served.socket))
        assert told.status == 1
        assert re.search(r"HELD: \d+ of \d+ users would show nothing \(\d+ do now\)", told.out)
        async with terminal(served.socket, real_time=clock.now) as view:
            await view.shows("✗ HELD:")
            await view.press("Y")
            await view.shows("Press Y again to clear them")
            await view.press("2")
            await view.press("Y")
            await view.shows("Press Y again to clear them")
            assert set(shown(company).values()) != {CLEARED}
            await view.press("Y")
            await view.shows("Confirmed: presences are cleared now.")
        await served.settled()
        assert set(shown(company).values()) == {CLEARED}
