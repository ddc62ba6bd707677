"""Going live for everybody or for pilots, going back, and leaving the PBX as it was before the engine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.api.schema import Operation
from engine.core.presence.model import CLEARED
from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

ANNA, GROSS = "anna.mueller", "juergen.gross"
DRY = {"dry_run": True}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 50, tzinfo=UTC))


def shown(company: Company) -> set[str]:
    """Return the names of the users for whom the PBX shows a calendar presence."""
    return {user.h323 for user in company.pbx.users if company.pbx.calendar_presence(user.guid) != CLEARED}


async def post(served: ServedService, path: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
    found, answer = await served.ask("POST", path, body or {})
    assert found == status, answer
    return answer


async def done(served: ServedService, operation: Any) -> Operation:
    """Return an operation once it is over."""
    operations = served.api_state.operations

    def over() -> Operation | None:
        found = operations.get(operation["id"])
        return found if found is not None and found.state != "running" else None

    return await eventually(over)


async def test_pilots_are_written_and_nobody_else_which_is_said_everywhere(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine=DRY)) as served:
        await served.settled()
        assert await served.get("/v1/live") == {
            "written": "nobody",
            "pilots": [],
            "users": len(company.world.people),
            "live": 0,
            "withheld": (await served.get("/v1/status"))["withheld"],
            "left": 0,
            "confirm_until": None,
            "clearing": None,
        }
        state = await post(served, "/v1/live", {"pilots": ["ANNA.*"]})
        assert (state["written"], state["pilots"], state["live"]) == ("pilots", ["ANNA.*"], 1)
        await served.settled()
        assert shown(company) == {ANNA}
        assert {write.guid for write in company.pbx.ledger.writes} == {company.world.person(ANNA).guid}
        rows = {row["name"]: row for row in (await served.get("/v1/users?per_page=1000"))["users"]}
        assert (rows[ANNA]["state"], rows[ANNA]["not_written"]) == ("current", None)
        others = [row for name, row in rows.items() if name != ANNA]
        assert {row["not_written"] for row in others} == {"no pilot"}
        assert any(row["state"] == "withheld" and row["withheld"]["note"] for row in others)
        status = await served.get("/v1/status")
        assert (status["dry_run"], status["live"], status["left"]) == (False, 1, 0)
        assert status["withheld"] == sum(row["withheld"] is not None for row in others) > 5
        async with served.session().get("/v1/metrics") as answer:
            assert "calendar_engine_live_users 1" in await answer.text()

        await post(served, "/v1/live")
        await served.settled()
        assert (await served.get("/v1/live"))["written"] == "everybody"
        assert len(shown(company)) > 5
        assert (await served.get("/v1/status"))["withheld"] == 0


async def test_going_back_takes_out_what_was_written_and_twice_changes_nothing_more(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine=DRY)) as served:
        await served.settled()
        company.pbx.set_manual(company.world.person(ANNA).guid, "away", "lunch")
        before = {user.guid: company.pbx.presence_entries(user.guid) for user in company.pbx.users}
        state = await post(served, "/v1/live", {"confirm_within": 600})
        assert state["confirm_until"] is not None
        await served.settled()
        count = len(shown(company))
        state = await post(served, "/v1/live/back")
        assert (state["written"], state["left"]) == ("nobody", count)
        assert (await done(served, state["clearing"])).state == "done"
        assert {user.guid: company.pbx.presence_entries(user.guid) for user in company.pbx.users} == before
        versions, writes = len(served.service.versions), len(company.pbx.ledger.writes)
        again = await post(served, "/v1/live/back")
        assert (again["written"], again["left"], again["clearing"]) == ("nobody", 0, None)
        await served.settled()
        assert len(served.service.versions) == versions
        assert len(company.pbx.ledger.writes) == writes


async def test_after_pilots_going_back_from_everybody_ends_at_the_pilots(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine={"pilots": [ANNA]})) as served:
        await served.settled()
        await post(served, "/v1/live", {"confirm_within": 600})
        await served.settled()
        state = await post(served, "/v1/live/back")
        await done(served, state["clearing"])
        await served.settled()
        assert shown(company) == {ANNA}
        versions, writes = len(served.service.versions), len(company.pbx.ledger.writes)
        again = await post(served, "/v1/live/back")
        assert (again["written"], again["pilots"], again["clearing"]) == ("pilots", [ANNA], None)
        await served.settled()
        assert shown(company) == {ANNA}
        assert (len(served.service.versions), len(company.pbx.ledger.writes)) == (versions, writes)


async def test_what_nobody_confirms_is_taken_out_again(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine=DRY)) as served:
        await served.settled()
        await post(served, "/v1/live", {"confirm_within": 600})
        await served.settled()
        assert shown(company)
        await clock.advance(601)
        await eventually(lambda: not shown(company))
        assert (await served.get("/v1/live"))["written"] == "nobody"


async def test_a_change_by_hand_leaves_presences_and_says_so(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"engine.dry_run": True})
        count = len(shown(company))
        assert (await served.get("/v1/status"))["left"] == count > 5
        assert "presences-left" in await served.concerns()
    async with running_service(company, clock, tmp_path, None) as served:
        await served.settled()
        assert (await served.get("/v1/status"))["left"] == count
        state = await post(served, "/v1/live/back")
        await done(served, state["clearing"])
        assert shown(company) == set()
        assert "presences-left" not in await served.concerns()


async def test_the_presence_of_another_program_is_not_taken_out(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"engine.dry_run": True})
        guid = company.world.person(ANNA).guid
        company.pbx.set_by_another_program(guid, "busy", "of another program")
        state = await post(served, "/v1/live/back")
        await done(served, state["clearing"])
        assert shown(company) == {ANNA}
        assert company.pbx.calendar_presence(guid).note == "of another program"


async def test_removal_takes_everything_out_and_goes_on_where_it_was_interrupted(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        count = len(shown(company))
        refused = dict.fromkeys([user.guid for user in company.pbx.users][::2], "not now")
        company.pbx.behaviour.refused_presence = refused
        removal = await post(served, "/v1/removal")
        assert (removal["left"], removal["files"][0]) == (count, str(served.file))
        ended = await done(served, removal["clearing"])
        assert 0 < ended.failed == len(shown(company)) < count
        company.pbx.behaviour.refused_presence = {}
    async with running_service(company, clock, tmp_path, None) as served:
        await served.settled()
        assert (await served.get("/v1/live"))["written"] == "nobody"
        again = await post(served, "/v1/removal")
        assert 0 < again["left"] < count
        await done(served, again["clearing"])
        assert shown(company) == set()
        assert (await served.get("/v1/removal"))["left"] == 0


async def test_without_the_pbx_removal_says_so_and_does_nothing(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await company.pbx.stop()
        await eventually(lambda: not served.service.current.status().pbx.works)
        versions = len(served.service.versions)
        problem = await post(served, "/v1/removal", status=422)
        assert problem["type"] == "pbx-unreachable"
        assert len(served.service.versions) == versions
        assert (await served.get("/v1/live"))["written"] == "everybody"


async def test_an_engine_that_is_not_set_up_cannot_go_live(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None) as served:
        problem = await post(served, "/v1/live", status=422)
        assert problem["type"] == "settings-missing"
        assert (await served.get("/v1/live"))["written"] == "nobody"
        assert (await post(served, "/v1/live/back"))["clearing"] is None
